"""The locks are complete, name no address, and agree with what the packages ask for."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
PACKAGES = [ROOT / "shared", ROOT / "cli", *(ROOT / "services").iterdir()]
LOCKS = sorted(REQUIREMENTS.glob("*.txt"))


def names(lines: Iterable[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?(>=[\d.]+)?", line.strip()) for line in lines)
    return {match.group(0).lower() for match in found if match}


def test_runtime_is_the_union_of_the_packages_needs() -> None:
    needed: set[str] = set()
    for package in PACKAGES:
        project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        needed |= names(project["dependencies"])
    asked = names(line for line in (REQUIREMENTS / "runtime.in").read_text().splitlines() if not line.startswith("#"))
    assert asked == {name for name in needed if not name.startswith("crmhub")}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_have_hashes_and_name_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--index|--find-links|@ ", text)
    for requirement in re.split(r"\n(?=[a-zA-Z0-9])", text.strip()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement.splitlines()[0]


def test_one_version_of_everything() -> None:
    seen: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
            seen.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in seen.items() if len(versions) > 1} == {}
