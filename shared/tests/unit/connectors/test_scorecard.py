"""Each connector's scorecard holds against its code."""

import pytest

from hub.contracts.connector import DONE, Capability, Connector, Exempt
from hub.registry import CONNECTORS


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
    assert (manifest.scorecard[Capability.PULL] == DONE) == (manifest.scorecard[Capability.PULL_CHANGES] == DONE)
    assert (manifest.scorecard[Capability.TOKEN_REFRESH] == DONE) == ("oauth2" in manifest.auth_types)
    assert (manifest.scorecard[Capability.IDEMPOTENT_CREATE] == DONE) == hasattr(connector.client, "find")
