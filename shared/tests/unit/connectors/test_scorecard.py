"""Each connector's scorecard holds against its code, and the conformance suite tries every capability of it."""

import ast
from pathlib import Path

import pytest

from hub.contracts.connector import DONE, Capability, Connector, Exempt
from hub.registry import CONNECTORS

SUITE = Path(__file__).parents[2] / "integration" / "connectors" / "conformance"


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=CONNECTORS)
def test_every_capability_is_done_or_exempt_with_a_reason(connector: Connector) -> None:
    card = connector.manifest.scorecard
    assert set(card) == set(Capability)
    assert all(entry == DONE or (isinstance(entry, Exempt) and len(entry.reason) > 10) for entry in card.values())


@pytest.mark.parametrize(("name", "connector"), CONNECTORS.items())
def test_the_card_agrees_with_the_code(name: str, connector: Connector) -> None:
    manifest = connector.manifest
    assert manifest.crm_type == name
    assert (manifest.scorecard[Capability.BATCH_PUSH] == DONE) == (manifest.push_batch > 1)
    assert (manifest.scorecard[Capability.BULK] == DONE) == (manifest.bulk_batch > 0)
    assert (manifest.scorecard[Capability.COMPANIONS] == DONE) == (manifest.objects != ("lead",))
    assert (manifest.scorecard[Capability.PULL] == DONE) == (manifest.scorecard[Capability.PULL_CHANGES] == DONE)
    assert (manifest.scorecard[Capability.TOKEN_REFRESH] == DONE) == ("oauth2" in manifest.auth_types)
    assert (manifest.scorecard[Capability.TOKEN_REFRESH] == DONE) == (connector.oauth is not None)
    assert (manifest.scorecard[Capability.IDEMPOTENT_CREATE] == DONE) == bool(manifest.external_id)


def tried() -> dict[str, list[str]]:
    """Capability → tests of the conformance suite that bear ``@tries(Capability.…)``."""
    found: dict[str, list[str]] = {}
    for path in sorted(SUITE.glob("test_*.py")):
        for each in ast.walk(ast.parse(path.read_text())):
            if not isinstance(each, ast.AsyncFunctionDef | ast.FunctionDef) or not each.name.startswith("test_"):
                continue
            for decorator in each.decorator_list:
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "tries":
                    (capability,) = decorator.args
                    assert isinstance(capability, ast.Attribute)
                    found.setdefault(capability.attr, []).append(f"{path.name}::{each.name}")
    return found


def test_the_conformance_suite_tries_every_capability() -> None:
    assert set(tried()) == {capability.name for capability in Capability}


def test_the_conformance_suite_holds_every_exemption() -> None:
    """By ``CHECKS`` of test_exemptions.py."""
    tree = ast.parse((SUITE / "test_exemptions.py").read_text())
    (table,) = (
        each.value
        for each in tree.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == "CHECKS"
    )
    assert isinstance(table, ast.Dict)
    held = {key.attr for key in table.keys if isinstance(key, ast.Attribute)}
    claimed = {
        capability.name
        for connector in CONNECTORS.values()
        for capability, entry in connector.manifest.scorecard.items()
        if isinstance(entry, Exempt)
    }
    assert held == claimed
