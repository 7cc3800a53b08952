"""The company's records: what happens to them, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from simulators.kit.clock import Clock
from simulators.kit.faults import Faults
from simulators.pipedrive.checks import checked
from simulators.pipedrive.company import lead_labels, pipelines, stages, users
from simulators.pipedrive.errors import Refused, bad, invalid, missing
from simulators.pipedrive.fields import Fields
from simulators.pipedrive.index import SearchIndex
from simulators.pipedrive.options import Options
from simulators.pipedrive.rows import changed_row, lead_id, new_row, stamp
from simulators.pipedrive.tables import Row, Table
from simulators.pipedrive.values import check_custom, flat, typed
from simulators.pipedrive.webhooks import Change, Webhooks

KINDS = ("person", "deal", "organization", "lead")
KEPT_DELETED = timedelta(days=30)
_NAMES = {"person": "Person not found", "deal": "Deal not found", "organization": "Organization not found",
          "lead": "requested lead not found"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user, by API (through an app, if ``client_id``) or in Pipedrive's own pages (source ``app``)."""

    user_id: int = 1
    source: str = "app"
    client_id: str | None = None
    scopes: frozenset[str] | None = None  # None: everything
    token: str = "api-token"  # noqa: S105 - a label, not a secret


PERSON_AT_SCREEN = Actor()


class Crm:
    """State and behaviour, without HTTP."""

    def __init__(self, options: Options, clock: Clock, faults: Faults, webhooks: Webhooks) -> None:
        self.options, self.clock, self.faults, self.webhooks = options, clock, faults, webhooks
        self.search_lag = 0.0
        self.reset()

    def reset(self) -> None:
        """An empty company."""
        options = self.options
        self.tables = {kind: Table() for kind in KINDS}
        self._last = dict.fromkeys(KINDS, 0)
        own = {kind: Fields(kind, options.seed) for kind in ("person", "deal", "organization")}
        self.fields: Mapping[str, Fields] = {**own, "lead": own["deal"]}  # leads have the deals' custom fields
        self.index = SearchIndex(self.clock, own)
        self.users = users(options.company_id, options.company_domain)
        self.pipelines, self.stages = pipelines(), stages()
        self.labels = lead_labels(options.company_id)
        self.conversions: dict[str, dict[str, Any]] = {}

    def get(self, kind: str, record_id: Any, *, deleted: bool = False) -> Row:
        """A record; with ``deleted`` also one deleted less than 30 days ago. Raises Refused (404)."""
        row = self.tables[kind].rows.get(record_id)
        if row is None or (row.get("is_deleted") and not (deleted and row["update_time"] >= self.oldest_deleted(kind))):
            raise missing(_NAMES[kind])
        return row

    def oldest_deleted(self, kind: str) -> str:
        """Records deleted before this moment are gone for good."""
        return stamp(kind, self.clock.now() - KEPT_DELETED)

    def create(self, kind: str, body: Any, actor: Actor, *, tell: bool = True) -> Row:
        """Store a new record. Raises Refused."""
        fields = self._checked(kind, body, new=True)
        if kind == "lead" and not (fields.get("person_id") or fields.get("organization_id")):
            raise bad('One of the "person_id" or "organization_id" must be set.')
        if kind == "deal":
            fields = self._placed(fields, None)
        self._last[kind] += 1
        number, now = self._last[kind], self.clock.now()
        record_id = lead_id(number, now) if kind == "lead" else number
        row = new_row(kind, record_id, fields, now, actor.user_id)
        self._store(kind, None, row, actor, tell=tell)
        return row

    def change(self, kind: str, record_id: Any, body: Any, actor: Actor, *, bulk: bool = False) -> Row:
        """Store a change; one that changes nothing is answered, but moves no time and tells nobody. Raises Refused."""
        restores = isinstance(body, dict) and body.get("is_deleted") is False
        old = self.get(kind, record_id, deleted=restores)
        fields = self._checked(kind, body, new=False)
        if kind == "deal":
            fields = self._placed(fields, old)
        row = changed_row(kind, old, fields, self.clock.now())
        if row is not old:
            self._store(kind, old, row, actor, bulk=bulk)
        return row

    def delete(self, kind: str, record_id: Any, actor: Actor, **merge: Any) -> None:
        """Delete a record; it is kept for 30 days. Raises Refused."""
        old = self.get(kind, record_id)
        row = {**old, "is_deleted": True, "update_time": stamp(kind, self.clock.now())}
        self.tables[kind].put(row)
        self.index.tell(kind, record_id, None)
        self._tell("delete", kind, old, None, actor, merge=merge)

    def merge(self, kind: str, winner_id: Any, loser_id: Any, actor: Actor) -> Row:
        """Merge the loser into the winner: the winner's values come first, what it lacks it takes over."""
        winner, loser = self.get(kind, winner_id), self.get(kind, loser_id)
        taken: Row = {"custom_fields": {**loser["custom_fields"], **winner["custom_fields"]}}
        for name, value in winner.items():
            if name in ("emails", "phones"):
                known = {each["value"] for each in value}
                taken[name] = value + [{**each, "primary": False} for each in loser[name] if each["value"] not in known]
            elif value is None and name not in ("id", "custom_fields"):
                taken[name] = loser[name]
        row = changed_row(kind, winner, taken, self.clock.now())
        self.delete(kind, loser_id, actor, merged_to_id=str(winner_id))
        self._store(kind, winner, row, actor, merge={"merged_from_id": str(loser_id)})
        self._repoint(kind, winner_id, loser_id, actor)
        return row

    def shown(self, kind: str, row: Row, only: list[str] | None = None) -> Row:
        """A record as its API shows it: v2, or for leads v1."""
        if kind == "lead":
            members = {name: value for name, value in row.items() if name not in ("custom_fields", "is_deleted")}
            return members | flat(self.fields[kind].custom, row["custom_fields"])
        keys = self.fields[kind].custom if only is None else only
        return {**row, "custom_fields": {key: row["custom_fields"].get(key) for key in keys}}

    def _store(
        self, kind: str, old: Row | None, row: Row, actor: Actor, *,
        tell: bool = True, bulk: bool = False, merge: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.tables[kind].put(row)
        late = self.faults.draw("index_lag", "", f"/{kind}")
        self.index.lag = self.search_lag
        self.index.tell(kind, row["id"], row, float(late.get("seconds", 60)) if late else 0.0)
        if tell:
            self._tell("create" if old is None else "change", kind, old, row, actor, bulk=bulk, merge=merge or {})

    def _tell(
        self, action: str, kind: str, old: Row | None, row: Row | None, actor: Actor, *,
        bulk: bool = False, merge: Mapping[str, str],
    ) -> None:  # fmt: skip
        if not self.webhooks.subscriptions:
            return
        before = self._typed(kind, old) if old else None
        after = self._typed(kind, row) if row else None
        record = row or old or {}
        self.webhooks.tell(Change(
            action, kind, record["id"], after, _differences(before, after) if after else before, before, actor.source,
            actor.user_id, f"{self.options.company_domain}.pipedrive.com", self.options.company_id, bulk, merge,
        ))  # fmt: skip

    def _typed(self, kind: str, row: Row) -> Row:
        custom = {key: typed(field, row["custom_fields"].get(key)) for key, field in self.fields[kind].custom.items()}
        hidden = ("is_deleted", "picture_id", "local_won_date", "local_lost_date", "local_close_date")
        return {**{name: value for name, value in row.items() if name not in hidden}, "custom_fields": custom}

    def _checked(self, kind: str, body: Any, *, new: bool) -> dict[str, Any]:
        fields = dict(checked(kind, body, new=new, contact_sync=self.options.contact_sync))
        if "custom_fields" in fields:
            fields["custom_fields"] = check_custom(self.fields[kind].custom, fields["custom_fields"])
        refuse = bad if kind == "lead" else invalid
        targets: tuple[tuple[str, Mapping[Any, Any]], ...] = (
            ("owner_id", self.users), ("stage_id", self.stages), ("pipeline_id", self.pipelines),
        )  # fmt: skip
        for name, known in targets:
            if fields.get(name) is not None and fields[name] not in known:
                raise refuse(f"{name}: {fields[name]} does not exist")
        for name, target in (("person_id", "person"), ("org_id", "organization"), ("organization_id", "organization")):
            if fields.get(name) is not None:
                self._must_exist(name, target, fields[name], refuse)
        if kind == "lead" and not set(fields.get("label_ids") or ()) <= set(self.labels):
            raise bad("label_ids: no such label")
        return fields

    def _must_exist(self, name: str, kind: str, record_id: int, refuse: Any) -> None:
        try:
            self.get(kind, record_id)
        except Refused:
            raise refuse(f"{name}: {record_id} does not exist") from None

    def _placed(self, fields: dict[str, Any], old: Row | None) -> dict[str, Any]:
        """A deal is on a stage of its pipeline; the stage decides, or is the pipeline's first."""
        if "stage_id" in fields:
            pipeline = self.stages[fields["stage_id"]]["pipeline_id"]
            if fields.get("pipeline_id", pipeline) != pipeline:
                raise invalid(f"stage_id: {fields['stage_id']} is not in pipeline {fields['pipeline_id']}")
            return {**fields, "pipeline_id": pipeline}
        if "pipeline_id" in fields and (old is None or old["pipeline_id"] != fields["pipeline_id"]):
            first = min(
                number for number, stage in self.stages.items() if stage["pipeline_id"] == fields["pipeline_id"]
            )
            return {**fields, "stage_id": first}
        return fields

    def _repoint(self, kind: str, winner_id: Any, loser_id: Any, actor: Actor) -> None:
        links = {"person": (("deal", "person_id"), ("lead", "person_id")),
                 "organization": (("person", "org_id"), ("deal", "org_id"), ("lead", "organization_id"))}  # fmt: skip
        for target, name in links.get(kind, ()):
            linked = [row["id"] for row in self.tables[target].everything(deleted=False) if row[name] == loser_id]
            for each in linked:
                self.change(target, each, {name: winner_id}, actor)


def _differences(before: Row | None, after: Row) -> Row | None:
    """The old values of what changed; None when there was no before."""
    if before is None:
        return None
    changed: Row = {}
    for name, value in after.items():
        if name == "custom_fields":
            custom = {key: before[name].get(key) for key in value if before[name].get(key) != value[key]}
            if custom:
                changed[name] = custom
        elif name != "update_time" and before.get(name) != value:
            changed[name] = before.get(name)
    return changed
