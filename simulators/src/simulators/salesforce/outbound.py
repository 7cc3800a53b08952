"""Outbound messages: SOAP that a flow sends when a record is saved, until it is acknowledged.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from simulators.kit.deliveries import Deliveries, Delivery
from simulators.salesforce.ids import made_id
from simulators.salesforce.rules import Actor
from simulators.salesforce.store import Change, Table
from simulators.salesforce.times import told_in_bulk

DEADLINE = 60.0
_OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
_MOST = 100  # notifications in one message
_HEADERS = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""', "User-Agent": "SFDC-Callout/60.0"}
_XMLNS = (
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def _pauses() -> tuple[float, ...]:
    """Doubling from 15 seconds to two hours, for a day."""
    pauses: list[float] = []
    while sum(pauses) < 86_400:
        pauses.append(min(7200.0, 15.0 * 2 ** len(pauses)))
    return tuple(pauses)


PAUSES = _pauses()


@dataclass(frozen=True, slots=True)
class Message:
    """A message that the org is set up to send. ``api``: also for what the API wrote; ``on``: create, update."""

    object: str
    url: str
    fields: tuple[str, ...] = ("FirstName", "LastName", "Email")
    on: tuple[str, ...] = ("create", "update")
    api: bool = True
    action_id: str = ""


@dataclass(slots=True)
class _Pending:
    table: Table
    ids: list[str] = field(default_factory=list)


class Outbound:
    """All messages."""

    def __init__(self, deliveries: Deliveries, org_id: str) -> None:
        self._deliveries, self._org_id = deliveries, org_id
        self.public_url = ""
        self.messages: dict[str, Message] = {}
        self._pending: dict[str, _Pending] = {}
        self._notifications = self._actions = 0

    def __getstate__(self) -> dict[str, Any]:
        """What waits for the loop belongs to the process."""
        return {**vars(self), "_pending": {}}

    def add(self, wish: Mapping[str, Any]) -> Message:
        """Set one up. Raises TypeError for members that it does not have."""
        self._actions += 1
        lists = {name: tuple(wish[name]) for name in ("fields", "on") if name in wish}
        message = Message(**{**wish, **lists, "action_id": made_id("04k", self._actions)})
        self.messages[message.action_id] = message
        return message

    def hear(self, changes: list[Change], actor: Actor) -> None:
        """What a transaction changed. Messages leave once the loop is idle, up to 100 records in each."""
        for action_id, message in self.messages.items():
            if actor.by_api and not message.api:
                continue
            for change in changes:
                if change.table.type.name != message.object or change.after["IsDeleted"]:
                    continue
                if ("create" if change.before is None else "update") in message.on:
                    if not self._pending:
                        asyncio.get_running_loop().call_soon(self._flush)
                    pending = self._pending.setdefault(action_id, _Pending(change.table))
                    pending.ids.append(change.after["Id"])

    def report(self) -> list[dict[str, Any]]:
        """The messages set up."""
        return [asdict(each) for each in self.messages.values()]

    def reset(self) -> None:
        """None set up."""
        self.messages.clear()
        self._pending.clear()

    def _flush(self) -> None:
        pending, self._pending = self._pending, {}
        for action_id, each in pending.items():
            message = self.messages.get(action_id)
            ids = list(dict.fromkeys(each.ids))
            for start in range(0, len(ids) if message else 0, _MOST):
                if message:
                    self._send(message, each.table, ids[start : start + _MOST])

    def _send(self, message: Message, table: Table, ids: list[str]) -> None:
        notifications = []
        for record_id in ids:
            self._notifications += 1
            notifications.append((made_id("04l", self._notifications), record_id))

        def build(_attempt: int) -> tuple[bytes, Mapping[str, str]]:
            return self._envelope(message, table, notifications).encode(), _HEADERS

        subject = {"kind": "outbound_message", "action": message.action_id, "notifications": dict(notifications)}
        self._deliveries.send(Delivery(message.url, build, subject, accepted=acknowledged))

    def _envelope(self, message: Message, table: Table, notifications: list[tuple[str, str]]) -> str:
        """The message with its records as they are now."""
        rows = "".join(
            f"<Notification><Id>{notification}</Id>{_sobject(message, table, record_id)}</Notification>"
            for notification, record_id in notifications
            if record_id in table.records
        )
        soap = f"{self.public_url}/services/Soap"
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope {_XMLNS}><soapenv:Body>'
            f'<notifications xmlns="{_OUTBOUND}"><OrganizationId>{self._org_id}</OrganizationId>'
            f'<ActionId>{message.action_id}</ActionId><SessionId xsi:nil="true"/>'
            f"<EnterpriseUrl>{soap}/c/60.0/{self._org_id}</EnterpriseUrl>"
            f"<PartnerUrl>{soap}/u/60.0/{self._org_id}</PartnerUrl>{rows}"
            "</notifications></soapenv:Body></soapenv:Envelope>"
        )


def acknowledged(status: int, body: bytes) -> bool:
    """Whether the receiver said so: 200 and Ack true."""
    if status != 200:
        return False
    try:
        # What is parsed here is the hub's own answer, in a test.
        found = ElementTree.fromstring(body).iter(f"{{{_OUTBOUND}}}Ack")  # noqa: S314
        return any((each.text or "").strip() in ("true", "1") for each in found)
    except ElementTree.ParseError:
        return False


def _sobject(message: Message, table: Table, record_id: str) -> str:
    record = table.records[record_id]
    values = "".join(
        f"<sf:{name}>{escape(_text(table, name, record[name]))}</sf:{name}>"
        for name in message.fields
        if name != "Id" and record.get(name) is not None
    )
    kind = table.type.name
    sf = 'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"'
    return f'<sObject xsi:type="sf:{kind}" {sf}><sf:Id>{record_id}</sf:Id>{values}</sObject>'


def _text(table: Table, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    known = table.type.field(name)
    return told_in_bulk(value) if known and known.type == "datetime" else str(value)
