"""Change events in the shape of Change Data Capture, kept 72 hours, and sent as JSON to whom the org's code calls.

Salesforce itself sends no such webhook: a customer's Apex does, so where it goes and how it is signed is up to the
target. https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from simulators.kit.clock import Clock
from simulators.kit.deliveries import Deliveries, Delivery
from simulators.kit.faults import Faults
from simulators.salesforce.rules import Actor
from simulators.salesforce.store import Change, Record
from simulators.salesforce.times import told_in_bulk

RETENTION = 72 * 3600.0
_MOST_KEPT = 200_000
_LEFT_OUT = ("Id", "IsDeleted", "SystemModstamp")
_COMPOUND = ("FirstName", "LastName", "Salutation")


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go.

    ``mode``: ``simple`` (HMAC-SHA256 of the body in X-Webhook-Signature), ``timestamped`` (of timestamp, dot and body),
    ``bearer`` (the secret as a token), ``none``. ``batch``: more than 1 sends arrays of up to so many events.
    ``api``: also tell what the API wrote. ``compound``: names nested, as the real event bus has them.
    """

    url: str
    secret: str = ""
    mode: str = "simple"
    objects: tuple[str, ...] = ("Lead", "Contact", "Account", "Opportunity")
    batch: int = 1
    api: bool = True
    compound: bool = False

    def headers(self, body: bytes, now: float) -> dict[str, str]:
        """What the receiver checks."""
        headers = {"Content-Type": "application/json"}
        if self.mode == "none":
            return headers
        if self.mode == "bearer":
            return headers | {"Authorization": f"Bearer {self.secret}"}
        message = body
        if self.mode == "timestamped":
            headers["X-Webhook-Timestamp"] = str(int(now))
            message = headers["X-Webhook-Timestamp"].encode() + b"." + body
        digest = hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()
        return headers | {"X-Webhook-Signature": f"sha256={digest}"}


class Events:
    """The event bus."""

    def __init__(self, clock: Clock, faults: Faults, deliveries: Deliveries) -> None:
        self._clock, self._faults, self._deliveries = clock, faults, deliveries
        self.kept: deque[tuple[float, dict[str, Any]]] = deque(maxlen=_MOST_KEPT)
        self.targets: dict[str, Target] = {}
        self._replay = self._commit = 0

    def point(self, wish: Mapping[str, Any]) -> Target:
        """Add or replace the target at a URL. Raises TypeError for members that it does not have."""
        objects = {"objects": tuple(wish["objects"])} if "objects" in wish else {}
        target = Target(**{**wish, **objects})
        self.targets[target.url] = target
        return target

    def hear(self, changes: list[Change], actor: Actor) -> None:
        """What a transaction changed; alike changes of several records become one event."""
        self._commit += 1
        grouped: dict[bytes, dict[str, Any]] = {}
        for sequence, change in enumerate(changes):
            kind, values = _kind_of(change), _values(change)
            key = orjson.dumps([change.table.type.name, kind, values])
            if key in grouped:
                grouped[key]["ChangeEventHeader"]["recordIds"].append(change.after["Id"])
            else:
                grouped[key] = self._payload(change, kind, values, sequence + 1, actor)
        events = [self._keep(payload) for payload in grouped.values()]
        for target in self.targets.values():
            if actor.by_api and not target.api:
                continue
            wanted = [each for each in events if _entity(each) in target.objects]
            shown = [_compounded(each) for each in wanted] if target.compound else wanted
            for start in range(0, len(shown), target.batch):
                self._send(target, shown[start : start + target.batch])

    def since(self, replay_id: int) -> list[dict[str, Any]]:
        """Kept events after a replay id (-2: all)."""
        oldest = self._clock.time() - RETENTION
        return [event for at, event in self.kept if at >= oldest and event["event"]["replayId"] > replay_id]

    def report(self) -> list[dict[str, Any]]:
        """The targets."""
        return [asdict(target) for target in self.targets.values()]

    def reset(self) -> None:
        """Forget events and targets."""
        self.kept.clear()
        self.targets.clear()

    def _payload(
        self, change: Change, kind: str, values: Mapping[str, Any], sequence: int, actor: Actor
    ) -> dict[str, Any]:
        if (wish := self._faults.draw("cdc_gap", "EVENT", change.table.type.name)) is not None:
            kind, values = str(wish.get("type", f"GAP_{kind}")), {}
        header = {
            "entityName": change.table.type.name, "recordIds": [change.after["Id"]], "changeType": kind,
            "changeOrigin": actor.origin, "transactionKey": f"{self._commit:08x}-0000-4000-8000-{self._replay:012x}",
            "sequenceNumber": sequence, "commitTimestamp": int(self._clock.time() * 1000),
            "commitNumber": 10_000_000 + self._commit, "commitUser": actor.user,
            "nulledFields": [name for name, value in values.items() if value is None], "diffFields": [],
            "changedFields": list(values) if kind == "UPDATE" else [],
        }  # fmt: skip
        return {"ChangeEventHeader": header, **values}

    def _keep(self, payload: dict[str, Any]) -> dict[str, Any]:
        self._replay += 1
        event = {"schema": "IeRuaY6cbI_HsV8Rv1Mc5g", "payload": payload, "event": {"replayId": self._replay}}
        self.kept.append((self._clock.time(), event))
        return event

    def _send(self, target: Target, events: list[dict[str, Any]]) -> None:
        body = orjson.dumps(events if target.batch > 1 else events[0])

        def build(_attempt: int) -> tuple[bytes, Mapping[str, str]]:
            return body, target.headers(body, self._clock.time())

        ids = [each["event"]["replayId"] for each in events]
        self._deliveries.send(Delivery(target.url, build, {"kind": "change_event", "replay_ids": ids}))


def _kind_of(change: Change) -> str:
    if change.before is None:
        return "CREATE"
    gone, was_gone = change.after["IsDeleted"], change.before["IsDeleted"]
    if gone == was_gone:
        return "UPDATE"
    return "DELETE" if gone else "UNDELETE"


def _values(change: Change) -> dict[str, Any]:
    """Of a creation all that is not null, of an update what changed, of a deletion nothing."""
    kind = _kind_of(change)
    if kind == "DELETE":
        return {}
    before: Record = change.before or {} if kind == "UPDATE" else {}
    fields = change.table.type.field
    values = {}
    for name in dict.fromkeys((*change.after, *before)):
        value = change.after.get(name)
        if name not in _LEFT_OUT and value != before.get(name):
            known = fields(name)
            moment = known is not None and known.type == "datetime" and isinstance(value, str)
            values[name] = told_in_bulk(str(value)) if moment else value
    return values


def _entity(event: Mapping[str, Any]) -> str:
    return str(event["payload"]["ChangeEventHeader"]["entityName"])


def _compounded(event: dict[str, Any]) -> dict[str, Any]:
    payload = event["payload"]
    parts = {name: payload[name] for name in _COMPOUND if name in payload}
    flat = {name: value for name, value in payload.items() if name not in parts and not (parts and name == "Name")}
    header = dict(payload["ChangeEventHeader"])
    for member in ("changedFields", "nulledFields"):
        header[member] = [f"Name.{name}" if name in _COMPOUND else name for name in header[member]]
    named = {"Name": parts} if parts else {}
    return {**event, "payload": {**flat, **named, "ChangeEventHeader": header}}
