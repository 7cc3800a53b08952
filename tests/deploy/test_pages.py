"""Links within the documentation lead somewhere, and commands that it shows exist."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hubctl.app import app

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
COMMAND = re.compile(r"hubctl ((?:[a-z]+ ?){1,2})")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [target for target in LINK.findall(text) if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", ["operations.md", "api.md"])
def test_commands_exist(page: str) -> None:
    found = {words.strip() for words in COMMAND.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))}
    assert found
    for words in found:
        assert CliRunner().invoke(app, [*words.split(), "--help"]).exit_code == 0, words


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8")):
            assert target in targets, page.name
