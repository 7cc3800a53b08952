"""Deals that follow an enrolment: upserted by the hub's reference, then associated with their contact."""

import asyncio
from collections.abc import Sequence

from hub.connectors.calls import Calls
from hub.connectors.hubspot import answers, wire
from hub.connectors.hubspot.batches import Batches, Input, Outcomes, Written
from hub.connectors.hubspot.portal import Portal
from hub.connectors.hubspot.preparing import Row
from hub.connectors.hubspot.values import to_wire
from hub.contracts.failures import CrmFailure, FailureKind

LEFT_OUT = "deal"  # in ``PushResult.left_out``


class Deals:
    """Of one connection."""

    def __init__(self, calls: Calls, config: wire.HubSpotConfig, portal: Portal, batches: Batches, status: str) -> None:
        """``status``: the contact's property that says how far it is."""
        self._calls, self._config, self._portal, self._batches = calls, config, portal, batches
        self._status = status

    async def write(self, rows: Sequence[Row], outcomes: Outcomes) -> Outcomes:
        """Outcomes of those rows whose deal could not be written, though the contact was."""
        contacts = {row.trace: done.id for row in rows if isinstance(done := outcomes[row.trace], Written)}
        due = [row for row in rows if row.trace in contacts and self._due(row)]
        if not due:
            return {}
        try:
            if not await self._portal.has_reference(wire.DEALS):
                for row in due:
                    row.left_out.append(LEFT_OUT)
                return {}
        except CrmFailure as failure:
            return {row.trace: failure for row in due}
        written = await self._batches.write(wire.DEALS, "upsert", [self._input(row) for row in due])
        failed: Outcomes = {trace: done for trace, done in written.items() if isinstance(done, CrmFailure)}
        pairs = {trace: (done.id, contacts[trace]) for trace, done in written.items() if isinstance(done, Written)}
        traces = list(pairs)
        chunks = [traces[at : at + wire.BATCH] for at in range(0, len(traces), wire.BATCH)]
        for each in await asyncio.gather(*(self._associate({one: pairs[one] for one in chunk}) for chunk in chunks)):
            failed |= each
        return failed

    def _due(self, row: Row) -> bool:
        """A deal is written when the contact is, or becomes a customer; later it is the salespeople's own."""
        return bool(row.item.companions) and (row.item.external_id is None or self._status in row.item.fields)

    def _input(self, row: Row) -> Input:
        (companion, *_) = row.item.companions
        properties = {name: to_wire(value) for name, value in companion.fields.items()}
        if owner := row.properties.get(wire.OWNER):
            properties[wire.OWNER] = owner
        return Input(row.trace, companion.reference, properties, self._config.reference_property)

    async def _associate(self, pairs: dict[str, tuple[str, str]]) -> Outcomes:
        """Each (deal, contact). Repeating it changes nothing."""
        inputs = [{"from": {"id": deal}, "to": {"id": contact}} for deal, contact in pairs.values()]
        try:
            path = self._config.associations(wire.DEALS, wire.CONTACTS)
            document = await self._calls.json("POST", path, {"inputs": inputs})
            errors = answers.row_errors(document)
            if not errors:
                return {}
            failure = CrmFailure(FailureKind.VALIDATION, answers.error_of(errors[0], 400))
        except CrmFailure as raised:
            failure = raised
        return dict.fromkeys(pairs, failure)
