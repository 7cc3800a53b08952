"""The Dockerfile's own install steps, run in clean virtual environments for every image of docker-compose.yml.

The steps are read from the Dockerfile, so they cannot drift from it: COPY copies from the build context (minus what
.dockerignore leaves out), RUN runs, with /opt/hub and the image's own Python standing in a temporary folder.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
IGNORED = shutil.ignore_patterns(".venv", "__pycache__", "*.egg-info", "tests")
IMAGES: dict[str, dict[str, str]] = {
    name: service["build"]["args"]
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"].items()
    if "build" in service and name != "hubctl"  # the same image as migrate
}
PROBES = {
    "hubctl": "import hubctl.app, hub.store.schema as s; assert len(list(s._MIGRATIONS.glob('versions/*.sql'))) >= 2",
}


def build_steps() -> list[tuple[str, str]]:
    """(instruction, rest) of the build stage, after its ARGs."""
    stage = DOCKERFILE.partition(" AS build\n")[2].partition("\nFROM ")[0]
    lines = stage.replace("\\\n", " ").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line and not line.startswith("#")]


class Build:
    """One image's build stage in a folder."""

    def __init__(self, folder: Path, arguments: dict[str, str]) -> None:
        self.folder, self.arguments = folder, arguments
        self.opt, self.python = folder.parent / "opt-hub", folder.parent / "image-python"

    def text(self, rest: str) -> str:
        for name, value in self.arguments.items():
            rest = rest.replace(f"${{{name}}}", value)
        return rest.replace("/opt/hub", str(self.opt))

    def copy(self, rest: str) -> None:
        *sources, target = self.text(rest).split()
        for source in sources:
            there = self.folder / target
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, there, ignore=IGNORED)
            else:
                there.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, there)

    def run(self, rest: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HOME"))}
        path = f"{self.python / 'bin'}:/usr/bin:/bin"
        done = subprocess.run(
            ["sh", "-c", self.text(rest)], cwd=self.folder, env={**kept, "PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"RUN {rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def venv(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all images share: the steps before the first that depends on PROJECT, run once (as Docker's cache would)."""
    base = tmp_path_factory.mktemp("images")
    venv(base / "image-python")
    (base / "shared-steps").mkdir()
    perform(Build(base / "shared-steps", {}), shared_steps())
    return base


def shared_steps() -> list[tuple[str, str]]:
    steps = build_steps()
    first = next(n for n, (kind, rest) in enumerate(steps) if kind != "ARG" and "${PROJECT}" in rest)
    return steps[:first]


def perform(build: Build, steps: list[tuple[str, str]]) -> None:
    doing: dict[str, Any] = {"COPY": build.copy, "RUN": build.run, "WORKDIR": lambda _: None, "ARG": lambda _: None}
    for kind, rest in steps:
        doing[kind](rest)


@pytest.mark.parametrize("name", IMAGES)
def test_install_steps_work_in_a_clean_environment(name: str, layers: Path, tmp_path: Path) -> None:
    home = layers / name
    shutil.copytree(layers / "shared-steps", home / "build")
    shutil.copytree(layers / "opt-hub", home / "opt-hub", symlinks=True)
    (home / "image-python").symlink_to(layers / "image-python")
    build = Build(home / "build", IMAGES[name])
    for script in (home / "opt-hub/bin").iterdir():  # a copied environment's scripts still name the first one's Python
        if script.is_file() and not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            script.write_text(script.read_text().replace(str(layers / "opt-hub"), str(home / "opt-hub")))
    perform(build, build_steps()[len(shared_steps()) :])
    module = IMAGES[name]["MODULE"]
    python = home / "opt-hub/bin/python"
    probe = PROBES.get(module, f"import {module}.app, {module}.__main__")
    subprocess.run([python, "-I", "-c", probe], check=True, cwd=tmp_path)
    subprocess.run([python, "-m", "pip", "check"], check=True, cwd=tmp_path, capture_output=True)
