"""The import contracts fail when they are broken: each wall is broken once, in a copy of the source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "hub": ROOT / "shared/src/hub",
    "hubctl": ROOT / "cli/src/hubctl",
    "simulators": ROOT / "simulators/src/simulators",
    **{path.name: path for path in ROOT.glob("services/*/src/*") if (path / "__init__.py").exists()},
}
BREACHES = [
    ("audit/handlers.py", "import gateway", "Services never import each other"),
    ("hub/runtime.py", "import audit", "hub never imports a service"),
    ("hub/contracts/records.py", "import hub.bus", "hub layers"),
    ("transformer/domain/decide.py", "import asyncpg", "Pure code does no I/O"),
    ("hub/connectors/custom/mapping.py", "import aiohttp", "Pure code does no I/O"),
    ("gateway/app.py", "import hub.connectors.custom.client", "Only sync_worker talks to a CRM"),
    ("simulators/custom/crm.py", "import hub.contracts", "Simulators and the product"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--no-cache",
        "--config",
        str(ROOT / ".importlinter"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name, source in SOURCES.items():
        shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_walls_stand(copy: Path) -> None:
    kept = lint(copy)
    assert kept.returncode == 0, kept.stdout[-3000:]


@pytest.mark.parametrize(("file", "breach", "contract"), BREACHES, ids=[f"{f}:{b}" for f, b, _ in BREACHES])
def test_a_breach_is_found(copy: Path, file: str, breach: str, contract: str) -> None:
    with (copy / file).open("a") as source:
        source.write(f"\n{breach}\n")
    broken = lint(copy)
    assert broken.returncode == 1
    (line,) = (line for line in broken.stdout.splitlines() if contract in line and "BROKEN" in line)
    assert line
