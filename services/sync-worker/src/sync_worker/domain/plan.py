"""What has to be done about one claimed lead. Pure: a dry run is this without the next step."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from hub.contracts.connector import FieldMap
from hub.contracts.ids import lead_external_id
from hub.contracts.pushing import Companion, PushItem
from hub.contracts.records import ARCHIVED, INTERNAL_FIELDS
from sync_worker.domain.bases import DOUBTFUL, differing, is_blank, known_base


@dataclass(frozen=True, slots=True)
class Claimed:
    """A due row with everything that the decision needs, as one statement read it."""

    lead_id: int
    claim: UUID
    desired_version: int
    version: int | None  # None: the lead is gone
    fields: Mapping[str, Any]
    external_id: str | None  # as the hub wrote it, else as a link says
    sent: Mapping[str, Any]
    sent_at: datetime | None
    seen: Mapping[str, Any] | None
    seen_at: datetime | None
    create_in_doubt: bool  # an earlier claim began a create and never learnt its outcome
    attempts: int
    waited_ms: float  # since the oldest unpushed change was heard of, at the time of claiming


class Step(StrEnum):
    """What to do."""

    NOTHING = "nothing"
    CREATE = "create"
    LOOK_UP = "look_up"  # then update what is found, else create
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision for one lead; ``item`` is None when nothing is to be done."""

    claimed: Claimed
    step: Step
    item: PushItem | None = None
    sent: Mapping[str, Any] | None = None  # registers that the CRM will hold once it is done
    told: Mapping[str, frozenset[str]] = field(default_factory=dict)  # those registers, in the CRM's fields

    @property
    def email(self) -> str | None:
        """What to look up by when the reference is not found."""
        return _email(self.claimed.fields)


def plan(claimed: Claimed, mapping: FieldMap, *, upserts: bool = False) -> Plan:
    """Create, update what differs, look before creating twice (unless the CRM ``upserts``), or leave alone."""
    if claimed.version is None:
        return Plan(claimed, Step.NOTHING)
    lead = {register: value for register, value in claimed.fields.items() if register not in INTERNAL_FIELDS}
    if claimed.external_id is None:
        if claimed.fields.get(ARCHIVED) is True:
            return Plan(claimed, Step.NOTHING)  # no CRM holds it any more; none is given it anew
        whole = {register: value for register, value in lead.items() if not is_blank(value)}
        step = Step.LOOK_UP if claimed.create_in_doubt and not upserts else Step.CREATE
        return _planned(claimed, step, _item(claimed, None, whole, lead, {}, mapping), whole, mapping)
    base = known_base(claimed.sent, claimed.sent_at, claimed.seen, claimed.seen_at)
    changed = differing(lead, base)
    item = _item(claimed, claimed.external_id, changed, lead, base, mapping)
    if not item.fields:
        return Plan(claimed, Step.NOTHING)
    return _planned(claimed, Step.UPDATE, item, changed, mapping)


def kept(done: Plan, left_out: Collection[str]) -> Plan:
    """The plan without the registers that the CRM had no place for: it must not be taken to hold them."""
    if not left_out or done.sent is None:
        return done
    sent = {name: value for name, value in done.sent.items() if not done.told[name] <= frozenset(left_out)}
    return replace(done, sent=sent)


def found(looked_up: Plan, external_id: str) -> Plan:
    """The earlier create had happened: write all of the lead there, for nobody knows which version it was."""
    assert looked_up.item
    item = looked_up.item
    item = replace(item, external_id=external_id, fields=item.record)
    return replace(looked_up, step=Step.UPDATE, item=item)


def new_base(done: Plan) -> dict[str, Any]:
    """What the CRM holds after the plan was carried out."""
    claimed = done.claimed
    base = known_base(claimed.sent, claimed.sent_at, claimed.seen, claimed.seen_at) | dict(done.sent or {})
    return {register: value for register, value in base.items() if value is not DOUBTFUL}


def _planned(claimed: Claimed, step: Step, item: PushItem, registers: Mapping[str, Any], mapping: FieldMap) -> Plan:
    """What the CRM will hold is what the mapping writes: an agent that the CRM cannot know, say, is not among it."""
    fields = {name: frozenset(mapping.outbound({name: value})) for name, value in registers.items()}
    told = {name: names for name, names in fields.items() if names}
    return Plan(claimed, step, item, {name: registers[name] for name in told}, told)


def _item(
    claimed: Claimed,
    external_id: str | None,
    changed: Mapping[str, Any],
    lead: Mapping[str, Any],
    base: Mapping[str, Any],
    mapping: FieldMap,
) -> PushItem:
    fields = mapping.outbound(changed)
    record = mapping.outbound(lead) if external_id else fields
    companions = _companions(claimed.lead_id, lead, base, mapping)
    reference = lead_external_id(claimed.lead_id)
    return PushItem(claimed.lead_id, external_id, reference, fields, record, companions, _email(lead))


def _companions(
    lead_id: int, lead: Mapping[str, Any], base: Mapping[str, Any], mapping: FieldMap
) -> tuple[Companion, ...]:
    """Those that are not beside the lead yet as they should be."""
    known = {register: value for register, value in base.items() if value is not DOUBTFUL}
    there = mapping.companions(lead_id, known)
    return tuple(companion for companion in mapping.companions(lead_id, lead) if companion not in there)


def _email(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("email")
    return value if isinstance(value, str) and value else None
