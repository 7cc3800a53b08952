"""A flat person as the body of a write: names joined, lists merged, custom fields by key. Raises CrmFailure (field)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.connectors.pipedrive.catalogue import Catalogue, CustomField, NoOption, Unfit
from hub.connectors.pipedrive.person import MAX_NAME, full_name, merged, name_hint
from hub.connectors.pipedrive.wire import EMAIL, FIRST, LAST, OWNER, PHONE, SYSTEM, PipedriveConfig
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pushing import PushItem

_LISTS = {EMAIL: "emails", PHONE: "phones"}
_MAX_VALUE = 500


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written of one item."""

    item: PushItem
    new: bool
    fields: Mapping[str, Any]  # flat, with the reference and (if the name needs it) the hint

    @property
    def custom(self) -> dict[str, Any]:
        """The custom fields among them."""
        return {name: value for name, value in self.fields.items() if name not in SYSTEM}


def draft(
    item: PushItem, record_id: str | None, config: PipedriveConfig, known: Catalogue, *, mark: bool = False
) -> Draft:
    """All of a new person; of one that is there, what changed (all, if nobody knew that it was there).

    ``mark``: the person does not bear the hub's reference yet.
    """
    new = record_id is None
    fields = dict(item.record if new or item.external_id is None else item.fields)
    if new or mark or item.external_id is None:
        fields[config.reference_field] = item.reference
    if new or FIRST in fields or LAST in fields:
        hint = name_hint({**item.record, **fields})
        if hint is not None or (not new and config.name_field in known.by_name):
            fields[config.name_field] = hint
    return Draft(item, new, fields)


def needs_current(drafted: Draft, known: Catalogue) -> bool:
    """Whether what is there has to be read first: other addresses of the person, the currency of an amount."""
    if drafted.new:
        return False
    return any(name in drafted.fields for name in _LISTS) or has_amounts(drafted, known)


def has_amounts(drafted: Draft, known: Catalogue) -> bool:
    """Whether there is an amount of money to write, which needs a currency."""
    found = ((known.by_name.get(name), value) for name, value in drafted.custom.items())
    return any(field is not None and field.type == "monetary" and value is not None for field, value in found)


def missing_options(drafted: Draft, known: Catalogue) -> list[tuple[CustomField, list[str]]]:
    """Options that fields lack."""
    found = []
    for name, value in drafted.custom.items():
        field = known.by_name.get(name)
        if field is None or field.type not in ("enum", "set"):
            continue
        try:
            field.encoded(value, None, "")
        except NoOption as lacking:
            found.append((field, lacking.labels))
        except Unfit:
            continue
    return found


def body(
    drafted: Draft, known: Catalogue, current: Mapping[str, Any], owner: int | None, currency: str
) -> dict[str, Any]:
    """The request's body. Raises CrmFailure (VALIDATION): a value does not fit its field."""
    fields, item = drafted.fields, drafted.item
    told: dict[str, Any] = {}
    if drafted.new or FIRST in fields or LAST in fields:
        told["name"] = _name({**item.record, **fields}, item.reference)
    for name, member in _LISTS.items():
        if name in fields:
            told[member] = merged(name, current.get(member), fields[name])
    if owner is not None:
        told["owner_id"] = owner
    held = current.get("custom_fields")
    custom: dict[str, Any] = {}
    for name, value in drafted.custom.items():
        field = known.by_name.get(name)
        if field is None:
            continue  # it could not be made, or must not be
        try:
            custom[field.key] = field.encoded(value, held.get(field.key) if isinstance(held, dict) else None, currency)
        except Unfit as problem:
            code = "NO_SUCH_OPTION" if isinstance(problem, NoOption) else "INVALID_VALUE"
            error = RecordError(code, f"{name}: {problem}", name, attempted_value=str(value)[:_MAX_VALUE])
            raise CrmFailure(FailureKind.VALIDATION, error) from None
    if drafted.new:
        told = {name: value for name, value in told.items() if value not in (None, [])}
        custom = {key: value for key, value in custom.items() if value is not None}
    return told | ({"custom_fields": custom} if custom else {})


def _name(record: Mapping[str, Any], reference: str) -> str:
    """One that is cut would come back as a change, and be cut in the hub too."""
    name = full_name(record, reference)
    if len(name) > MAX_NAME:
        field = max((FIRST, LAST), key=lambda each: len(str(record.get(each) or "")))
        told = f"first and last name together are longer than {MAX_NAME} characters"
        error = RecordError("TOO_LONG", told, field, attempted_value=str(record.get(field))[:_MAX_VALUE])
        raise CrmFailure(FailureKind.VALIDATION, error)
    return name


def left_out(drafted: Draft, known: Catalogue, sent: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields that Pipedrive has no place for, or nobody made one; and an owner that it does not know."""
    names = [name for name, value in drafted.custom.items() if value is not None and name not in known.by_name]
    return (*names, *([OWNER] if OWNER in drafted.fields and "owner_id" not in sent else []))


def blamed(failure: CrmFailure, drafted: Draft, known: Catalogue) -> CrmFailure:
    """The failure in flat terms: which of the hub's fields it was, and what was tried."""
    error = failure.error
    if error.field is None or error.attempted_value is not None:
        return failure
    head, _, rest = error.field.partition(".")
    name = {"emails": EMAIL, "phones": PHONE, "owner_id": OWNER, "name": FIRST}.get(head, head)
    if head == "custom_fields":
        field = known.by_key.get(rest.partition(".")[0])
        name = field.name if field else rest
    value = drafted.fields.get(name)
    shown = None if value is None else str(value)[:_MAX_VALUE]
    told = RecordError(error.code, error.message, name, error.status, shown)
    return CrmFailure(failure.kind, told, failure.retry_after, failure.stored, failure.document)
