"""A batch of translated events, against what is stored: the plan. Pure, so that a dry run is the real thing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from hub.contracts.ids import lead_external_id, rfc3339
from hub.contracts.records import ARCHIVED, MERGED_INTO, lead_document
from hub.leads.merge import ALL, Changes, Merged, first_version, merge, remote_changes
from transformer.domain.echo import resurfaced, said
from transformer.domain.identity import Index, LeadKey, Link, LinkKey, find
from transformer.domain.incoming import Incoming, Rejected, rejection
from transformer.domain.plan import IssueRow, LeadState, LinkRow, Plan

SOURCE = "transformer"
MAX_REGISTERS = 300
# Origins that tell of whole records. What is blank in one that was never seen before is unknown there, not cleared.
_RECORD_KINDS = frozenset({"import", "crm"})
_DEFAULTS = {"status": "new"}  # no clock: whatever anybody says wins over it


@dataclass(slots=True)
class Known:
    """What the store says about the batch's leads."""

    index: Index = field(default_factory=Index)
    leads: dict[LeadKey, LeadState] = field(default_factory=dict)


class Decider:
    """Works through one batch in order; earlier events of the batch are seen by later ones."""

    def __init__(
        self,
        known: Known,
        new_lead_id: Callable[[], int],
        now: datetime,
        tell: Callable[[Event], None] | None = None,
    ) -> None:
        self._index = known.index
        self._leads = known.leads
        self._fields_of: dict[LeadKey, Mapping[str, Any]] = {key: lead.fields for key, lead in known.leads.items()}
        self._new_lead_id = new_lead_id
        self._now = now
        self._now_text = rfc3339(now)
        self.plan = Plan(now)
        self._tell_event = tell or self.plan.events.append  # told elsewhere, an event need not be kept

    def decide(self, batch: Sequence[Incoming | Rejected]) -> Plan:
        """The plan for all of them."""
        for item in batch:
            if isinstance(item, Rejected):
                self._reject(item)
            elif item.kind == "synced":
                self._synced(item)
            elif item.kind == "gone":
                self._gone(item)
            else:
                self._write(item)
        return self.plan

    def _write(self, item: Incoming) -> None:
        lead_id = find(item, self._index, self._fields_of)
        if lead_id is None:
            if item.must_exist:
                self._reject(rejection(item, "NOT_FOUND", f"there is no lead {item.lead_id}"))
                return
            self._create(item)
            return
        lead = self._leads[item.account_id, lead_id]
        told = self._changed_at_source(item)
        if item.origin["kind"] == "crm":
            told = self._without_unticked_boxes(told, item, lead)
        if lead.fields.get(ARCHIVED):
            told = {**told, ARCHIVED: None}  # somebody has it (again)
        merged = merge(lead.fields, lead.clocks, told, item.clock)
        if len(merged.fields) > MAX_REGISTERS:
            self._reject(rejection(item, "TOO_MANY_FIELDS", f"a lead has at most {MAX_REGISTERS} fields"))
            return
        self._remember_link(item, lead_id)
        if merged.advanced:
            lead.clocks = merged.clocks
            self.plan.leads[lead.account_id, lead_id] = lead
        if merged.changes:
            self._new_version(item, lead, merged)
            self._tell(item, lead, merged.changes)
        if item.kind == "enrollment":
            self._enroll(item, lead)
        self._account_for(item, "updated" if merged.changes else "unchanged", lead_id)

    def _create(self, item: Incoming) -> None:
        merged = first_version(_DEFAULTS, item.fields, item.clock)
        if not merged.changes:
            self._reject(rejection(item, "EMPTY_RECORD", "the record says nothing about a lead"))
            return
        lead_id, now = self._new_lead_id(), self._now
        lead = LeadState(item.account_id, lead_id, 0, merged.fields, merged.clocks, now, now, is_new=True)
        self._leads[item.account_id, lead_id] = self.plan.leads[item.account_id, lead_id] = lead
        self._new_version(item, lead, merged)
        self._remember_link(item, lead_id)
        data = {
            "lead": self._document(lead),
            "fields_changed": list(merged.changes[ALL]),
            "origin": item.origin,
            "actor": item.actor,
        }
        self._emit(item.event, e.LEAD_CREATED, f"lead/{lead_id}", data)
        self._account_for(item, "created", lead_id)

    def _changed_at_source(self, item: Incoming) -> dict[str, Any]:
        link = self._link(item)
        if link is not None:
            return remote_changes(said(item, link), link.base, link.sending or {})
        if item.origin["kind"] in _RECORD_KINDS:
            return {name: value for name, value in item.fields.items() if value is not None}
        return item.fields

    def _without_unticked_boxes(self, told: dict[str, Any], item: Incoming, lead: LeadState) -> dict[str, Any]:
        """A CRM's check box is on or off, never blank: off says nothing of a lead that has no such field.

        Else every lead that the hub enters in a CRM would come back changed, and go out to all others again.
        """
        link = self._link(item)
        known = lead.fields.keys() | (link.base.keys() if link else ())
        return {name: value for name, value in told.items() if value is not False or name in known}

    def _link(self, item: Incoming) -> Link | None:
        if item.external_id is None:
            return None
        return self._index.links.get((item.account_id, item.owner, item.external_id))

    def _remember_link(self, item: Incoming, lead_id: int) -> None:
        if item.external_id is None:
            return
        key, moment = (item.account_id, item.owner, item.external_id), item.moment
        link = self._index.links.get(key)
        if link is None:
            self._index.links[key] = Link(lead_id, item.fields, moment)
            if item.connection_id is not None and (holders := self._index.holders.get((item.account_id, lead_id))):
                holders.add(key)
            self.plan.new_links[key] = LinkRow(lead_id, item.fields, datetime.fromtimestamp(moment, UTC))
            return
        fields = said(item, link)
        base = {**fields, **link.base} if moment < link.seen_at else {**link.base, **fields}  # the newer sight counts
        if base == link.base and link.is_stored:
            return
        link.base, link.seen_at, link.is_stored = base, max(link.seen_at, moment), True
        rows = self.plan.new_links if key in self.plan.new_links else self.plan.links
        rows[key] = LinkRow(link.lead_id, base, datetime.fromtimestamp(link.seen_at, UTC))

    def _new_version(self, item: Incoming, lead: LeadState, merged: Merged) -> None:
        lead.version += 1
        lead.fields, lead.updated_at = merged.fields, self._now
        self._fields_of[lead.account_id, lead.id] = merged.fields
        self._index.note(lead.account_id, lead.id, item.email, item.phone)
        actor: str = item.actor["user"]
        self.plan.history.append(
            (lead.account_id, lead.id, lead.version, self._now, item.event.id, item.owner, actor, merged.changes)
        )

    def _tell(self, item: Incoming, lead: LeadState, changes: Changes) -> None:
        data = {
            "lead": self._document(lead),
            "fields_changed": list(changes),
            "changes": [{"field": name, "from": old, "to": new} for name, (old, new, _) in changes.items()],
            "origin": item.origin,
            "actor": item.actor,
        }
        self._emit(item.event, e.LEAD_UPDATED, f"lead/{lead.id}", data)

    def _enroll(self, item: Incoming, lead: LeadState) -> None:
        self.plan.enrollments.append(item)
        data = {name: item.event.data.get(name) for name in ("enrollment_id", "plan", "effective_date", "premium")}
        data |= {"details": item.event.data.get("details") or {}, "lead": self._document(lead), "actor": item.actor}
        self._emit(item.event, e.ENROLLMENT_COMPLETED, f"lead/{lead.id}", data)

    def _synced(self, item: Incoming) -> None:
        assert item.lead_id is not None
        self._remember_link(item, item.lead_id)
        self.plan.inbox.append((item.account_id, item.event.id, "linked", item.lead_id, self._now))

    def _gone(self, item: Incoming) -> None:
        """A CRM's record is no more: the lead is not linked to it any longer, and archived when no CRM holds it."""
        assert item.external_id is not None
        key = (item.account_id, item.owner, item.external_id)
        link = self._index.links.get(key)
        lead = self._leads.get((item.account_id, link.lead_id)) if link else None
        if link is None or lead is None or resurfaced(item, link):
            self.plan.inbox.append((item.account_id, item.event.id, "unchanged", None, self._now))
            return
        self._let_go(key)
        heir = self._heir(item, link, lead)
        holders = self._index.holders.get((lead.account_id, lead.id), set())
        held = heir == lead.id or bool(holders)
        if not held:
            told: dict[str, Any] = {ARCHIVED: True}
            if heir is not None:
                told[MERGED_INTO] = lead_external_id(heir)
            merged = merge(lead.fields, lead.clocks, told, item.clock)
            lead.clocks = merged.clocks
            self.plan.leads[lead.account_id, lead.id] = lead
            if merged.changes:
                self._new_version(item, lead, merged)
                self._tell(item, lead, merged.changes)
        data = {
            "lead_id": lead.id,
            "connection_id": item.connection_id,
            "crm_type": item.origin["source"],
            "external_id": item.external_id,
            "reason": "merged" if item.merged_into else "deleted",
            "merged_into": item.merged_into,
            "archived": not held,
            "actor": item.actor,
        }
        self._emit(item.event, e.LEAD_UNLINKED, f"lead/{lead.id}", data)
        self.plan.inbox.append((item.account_id, item.event.id, "unlinked", lead.id, self._now))

    def _let_go(self, key: LinkKey) -> None:
        link = self._index.links.pop(key)
        self._index.holders.get((key[0], link.lead_id), set()).discard(key)
        self.plan.new_links.pop(key, None)
        self.plan.links.pop(key, None)
        self.plan.gone_links.add(key)

    def _heir(self, item: Incoming, link: Link, lead: LeadState) -> int | None:
        """The lead of the record that a merged one lives on in. One that was never seen becomes this lead's record."""
        if item.merged_into is None:
            return None
        key = (item.account_id, item.owner, item.merged_into)
        survivor = self._index.links.get(key)
        if survivor is None:
            self._index.links[key] = Link(lead.id, {}, link.seen_at)
            self.plan.new_links[key] = LinkRow(lead.id, {}, datetime.fromtimestamp(link.seen_at, UTC))
            return lead.id
        return survivor.lead_id

    def _reject(self, item: Rejected) -> None:
        data = {"origin": item.origin, "actor": item.actor, "external_id": item.external_id, "code": item.code}
        data |= {"message": item.message, "field": item.field}
        self._emit(item.event, e.LEAD_REJECTED, item.event.subject, data)
        self.plan.inbox.append((item.event.account_id, item.event.id, "rejected", None, self._now))
        self._count(item.event.account_id, item.origin.get("import_id"), "rejected")
        self._issue(item, "rejected", item.field or "", item.code, item.message)

    def _account_for(self, item: Incoming, outcome: str, lead_id: int) -> None:
        self.plan.inbox.append((item.account_id, item.event.id, outcome, lead_id, self._now))
        self._count(item.account_id, item.import_id, outcome)
        for doubt in item.doubts:
            self._issue(item, "warning", doubt.field, doubt.code, doubt.message)

    def _count(self, account_id: int, import_id: str | None, outcome: str) -> None:
        if import_id is not None:
            counts = self.plan.progress.setdefault((account_id, import_id), {})
            counts[outcome] = counts.get(outcome, 0) + 1

    def _issue(self, item: Incoming | Rejected, severity: str, field: str, code: str, message: str) -> None:
        import_id = item.origin.get("import_id")
        if import_id is not None:
            position, event = int(item.origin.get("index") or 0), item.event
            self.plan.issues.append(
                IssueRow(
                    event.account_id, import_id, event.id, field, position, severity, code, message, item.external_id
                )
            )

    def _emit(self, cause: Event, kind: str, subject: str, data: dict[str, Any]) -> None:
        event = Event(
            kind,
            cause.account_id,
            subject,
            data,
            SOURCE,
            time=self._now_text,
            causation_id=cause.id,
            traceparent=cause.traceparent,
        )
        self._tell_event(event)

    def _document(self, lead: LeadState) -> dict[str, Any]:
        created = self._now_text if lead.is_new else rfc3339(lead.created_at)
        updated = self._now_text if lead.updated_at is self._now else rfc3339(lead.updated_at)
        return lead_document(lead.id, lead.version, lead.fields, created, updated)
