"""What the control API steers: the company as a person at Pipedrive's own pages would, and the machine around it."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from simulators.kit.clock import Clock
from simulators.kit.control import ControlRefused
from simulators.kit.deliveries import Deliveries, Delivery
from simulators.kit.faults import Faults
from simulators.kit.grants import Grants, random_token
from simulators.kit.ledger import Ledger
from simulators.kit.people import Person, person
from simulators.pipedrive.access import VENDOR_FAULTS
from simulators.pipedrive.crm import KINDS, PERSON_AT_SCREEN, Crm
from simulators.pipedrive.errors import Refused
from simulators.pipedrive.limits import Limits
from simulators.pipedrive.oauth import ACCESS_SECONDS, CODE_SECONDS, REFRESH_IDLE_SECONDS, forget_app
from simulators.pipedrive.options import Options
from simulators.pipedrive.tables import Row
from simulators.pipedrive.webhooks import DEADLINE, PAUSES, Webhooks


class PipedriveWorld:
    """All state of one simulated company."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock()
        self.faults = Faults(VENDOR_FAULTS)
        self.ledger = Ledger()
        self.limiter = Limits(self.clock, self.ledger, options)
        self.grants = Grants(
            self.clock, code_seconds=CODE_SECONDS, access_seconds=ACCESS_SECONDS, rotate=options.rotate,
            refresh_idle_seconds=REFRESH_IDLE_SECONDS, maker=_token,
        )  # fmt: skip
        self.deliveries = Deliveries(self.clock, PAUSES, deadline=DEADLINE, scale=options.retry_scale)
        self.webhooks = Webhooks(self.clock, self.deliveries, https_only=options.https_webhooks)
        self.crm = Crm(options, self.clock, self.faults, self.webhooks)
        self._people = 0

    def reset(self) -> None:
        """An empty company with its plan's limits."""
        self.webhooks.reset()
        self.crm.search_lag = 0.0
        self.crm.reset()
        self.limiter.reset()
        self._people = 0

    def seed(self, kind: str, count: int, records: list[dict[str, Any]] | None, seed: int) -> list[str]:
        """Many records without webhooks. A made-up lead or deal comes with a made-up person."""
        name = kind_of(kind)
        if records is not None:
            return [str(self._create(name, each, tell=False)["id"]) for each in records]
        return [str(self._made_up(name, seed)["id"]) for _ in range(count)]

    def records(self, kind: str, *, deleted: bool) -> Iterable[Mapping[str, Any]]:
        """As stored: custom fields under ``custom_fields`` for leads too, ``is_deleted`` always there."""
        return self.crm.tables[kind_of(kind)].everything(deleted=deleted)

    def create(self, kind: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """As a person does."""
        return self._create(kind_of(kind), fields, tell=True)

    def edit(self, kind: str, record_id: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """As a person does; custom fields by key or by name."""
        name = kind_of(kind)
        try:
            return self.crm.change(name, self._id(name, record_id), self._keyed(name, fields), PERSON_AT_SCREEN)
        except Refused as refused:
            raise ControlRefused(refused.status, str(refused)) from None

    def delete(self, kind: str, record_id: str) -> None:
        """As a person does."""
        name = kind_of(kind)
        try:
            self.crm.delete(name, self._id(name, record_id), PERSON_AT_SCREEN)
        except Refused as refused:
            raise ControlRefused(refused.status, str(refused)) from None

    def merge(self, kind: str, winner: str, losers: list[str]) -> Mapping[str, Any]:
        """As a person does, one loser after the other."""
        name, row = kind_of(kind), {}
        if name == "lead":
            raise ControlRefused(422, "leads cannot be merged")
        try:
            for loser in losers:
                row = self.crm.merge(name, self._id(name, winner), self._id(name, loser), PERSON_AT_SCREEN)
        except Refused as refused:
            raise ControlRefused(refused.status, str(refused)) from None
        return row

    def limits(self, settings: dict[str, Any] | None) -> Mapping[str, Any]:
        """The limiter's, and ``search_lag`` in seconds."""
        if settings is not None:
            rest = {name: value for name, value in settings.items() if name != "search_lag"}
            self.crm.search_lag = float(settings.get("search_lag", self.crm.search_lag))
            self.limiter.change(rest)
        return {**self.limiter.report(), "search_lag": self.crm.search_lag}

    def uninstall(self) -> list[str]:
        """A person removes every app: grants and webhooks end, callbacks are told; the apps concerned."""
        places = sorted({(grant.client_id, grant.redirect_uri) for grant in self.grants.tokens()})
        self.grants.revoke_all()
        for client_id, callback in places:
            forget_app(self.webhooks, client_id)
            if callback:
                self.deliveries.send(self._farewell(client_id, callback))
        return sorted({client_id for client_id, _ in places})

    def _farewell(self, client_id: str, callback: str) -> Delivery:
        """What an app's callback gets when it is uninstalled: DELETE with the client's own credentials."""
        pair = f"{client_id}:{self.grants.clients[client_id].secret}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "Content-Type": "application/json",
        }
        body = {"client_id": client_id, "company_id": self.options.company_id, "user_id": 1,
                "timestamp": self.clock.now().isoformat()}  # fmt: skip
        content = orjson.dumps(body)
        return Delivery(callback, lambda _attempt: (content, headers), {"event": "uninstall"}, method="DELETE")

    def _create(self, kind: str, fields: dict[str, Any], *, tell: bool) -> Row:
        try:
            return self.crm.create(kind, self._keyed(kind, fields), PERSON_AT_SCREEN, tell=tell)
        except Refused as refused:
            raise ControlRefused(refused.status, str(refused)) from None

    def _made_up(self, kind: str, seed: int) -> Row:
        self._people += 1
        someone = person(self._people, seed)
        if kind == "organization":
            address = f"{someone.street}, {someone.city}, {someone.state} {someone.zip}"
            return self._create(kind, {"name": someone.company, "address": {"value": address}}, tell=False)
        human = self._create("person", self._human(someone), tell=False)
        if kind == "person":
            return human
        owner = 1 + self._people % len(self.crm.users)
        fields: dict[str, Any] = {
            "title": f"{someone.name}, {someone.company}",
            "person_id": human["id"],
            "owner_id": owner,
        }
        if kind == "deal":
            fields |= {"value": 100 * (self._people % 50), "stage_id": 1 + self._people % 5}
        return self._create(kind, fields, tell=False)

    def _human(self, someone: Person) -> dict[str, Any]:
        fields = self.crm.fields["person"]
        source = fields.by_code[fields.key_of("Lead Source") or ""]["options"]
        states = fields.by_code[fields.key_of("Lead Status") or ""]["options"]
        return {
            "name": someone.name, "emails": [{"value": someone.email, "primary": True, "label": "work"}],
            "phones": [{"value": someone.phone, "primary": True, "label": "mobile"}],
            "owner_id": 1 + self._people % len(self.crm.users),
            "custom_fields": {
                "Lead Source": source[self._people % len(source)]["id"],
                "Lead Status": states[self._people % len(states)]["id"],
                "Member Type": someone.title,
            },
        }  # fmt: skip

    def _keyed(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields with custom ones under their keys, whichever way they were named and wherever they stood."""
        if not isinstance(fields, dict):
            raise ControlRefused(422, "fields must be an object")
        known = self.crm.fields[kind]
        custom = {known.key_of(name) or name: value for name, value in fields.get("custom_fields", {}).items()}
        rest = {name: value for name, value in fields.items() if name != "custom_fields"}
        for name in [each for each in rest if known.key_of(each) in known.custom]:
            custom[known.key_of(name) or name] = rest.pop(name)
        return {**rest, "custom_fields": custom} if custom else rest

    def _id(self, kind: str, record_id: str) -> Any:
        if kind == "lead":
            return record_id
        if not record_id.isdigit():
            raise ControlRefused(404, f"no {kind} {record_id}")
        return int(record_id)


def kind_of(name: str) -> str:
    """``person`` or ``persons``. Raises ControlRefused."""
    kind = name.removesuffix("s")
    if kind not in KINDS:
        raise ControlRefused(404, f"no such object: {name}; there are {', '.join(KINDS)}")
    return kind


def _token(kind: str) -> str:
    return random_token(kind) if kind == "code" else f"v1u:{random_token(kind)}"
