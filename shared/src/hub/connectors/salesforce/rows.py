"""Records on their way out, as rows of collections: what is sent, what an answer means, what is worth a second try.

Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from hub.connectors.salesforce import answers
from hub.connectors.salesforce.fields import LeadObject
from hub.connectors.salesforce.mapping import OWNER, SalesforceFieldMap
from hub.connectors.salesforce.wire import SalesforceConfig, is_record_id
from hub.contracts.failures import CrmFailure
from hub.contracts.pushing import Action, PushItem, PushResult

Operation = Literal["update", "upsert", "create"]
_BAD_OWNER = frozenset(
    {"INVALID_CROSS_REFERENCE_KEY", "INACTIVE_OWNER_OR_USER", "INVALID_OWNER", "OP_WITH_INVALID_USER_TYPE_EXCEPTION"}
)
_NO_OWN_REFERENCE = "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
_UPDATE: Action = "update"
_CREATE: Action = "create"
_LINK: Action = "link"


@dataclass(frozen=True, slots=True)
class Row:
    """One record to write. ``fields`` hold its id (``Id``) or its external id, too."""

    item: int  # which item it belongs to
    part: str  # lead, contact, opportunity
    table: str
    operation: Operation
    fields: Mapping[str, Any]
    reference: str | None = None  # which of the fields is the external id
    left_out: tuple[str, ...] = ()  # fields of the item that the org has no place for


@dataclass(frozen=True, slots=True)
class Written:
    """A row that Salesforce took."""

    record_id: str
    created: bool


Outcome = Written | CrmFailure
Request = tuple[str, str, Mapping[str, Any]]  # method, path, body
Done = dict[tuple[int, str], tuple[Row, Outcome]]  # by item and part


def key_of(row: Row) -> tuple[int, str]:
    """What tells rows of one push apart."""
    return row.item, row.part


class RowMaker:
    """Makes rows of items. ``owners``: users by e-mail address in lower case."""

    def __init__(
        self,
        config: SalesforceConfig,
        mapping: SalesforceFieldMap,
        lead: LeadObject,
        owners: Mapping[str, str],
        today: date,
    ) -> None:
        self._config, self._mapping, self._lead, self._owners = config, mapping, lead, owners
        self._configured = frozenset(name.lower() for name in mapping.remote_fields())
        self._close_date = (today + timedelta(days=config.opportunity.close_days)).isoformat()

    def rows(self, index: int, item: PushItem, found: str | None = None) -> list[Row]:
        """The lead's row (none when nothing of it is to be written), then its companions'.

        ``found``: the record that a look-up showed to be this new lead.
        """
        lead = self.lead_row(index, item, found)
        return [*([lead] if lead else []), *self._companion_rows(index, item)]

    def lead_row(self, index: int, item: PushItem, found: str | None = None) -> Row | None:
        """See ``rows``."""
        table, reference = self._config.objects.lead, self._lead.reference
        ours = {reference: item.reference} if reference else {}
        record_id = item.external_id or found
        if record_id:
            values, left_out = self._taken(item.record if found else item.fields, create=False)
            fields = {**values, **ours, "Id": record_id} if values else {}
            return Row(index, "lead", table, "update", fields, reference, left_out) if values or left_out else None
        values, left_out = self._taken(item.record, create=True)
        fields = {**self._defaults(), **values, **ours}
        return Row(index, "lead", table, "upsert" if reference else "create", fields, reference, left_out)

    def _defaults(self) -> dict[str, Any]:
        """What Salesforce requires and the hub may not know."""
        defaults = self._config.required_defaults.items()
        return {name: value for name, value in defaults if (known := self._lead.get(name)) and known.required}

    def _taken(self, values: Mapping[str, Any], *, create: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        taken, left_out = self._lead.writable(values, self._configured, create=create)
        fields = self._with_owner(taken)
        return fields, (*left_out, *(name for name in taken if name not in fields))

    def _with_owner(self, fields: dict[str, Any]) -> dict[str, Any]:
        """With the id of a user who was named by e-mail address; without an owner whom Salesforce does not know."""
        owner = fields.get(OWNER)
        if not isinstance(owner, str) or "@" not in owner:
            return fields
        known = self._owners.get(owner.casefold())
        others = {name: value for name, value in fields.items() if name != OWNER}
        return others | {OWNER: known} if known else others

    def _companion_rows(self, index: int, item: PushItem) -> list[Row]:
        rows, reference = [], self._config.external_id_field
        just_enrolled = item.external_id is None or self._mapping.status_field in item.fields
        for companion in item.companions:
            table = getattr(self._config.objects, companion.object, None)
            if not table or not reference or not just_enrolled:
                continue  # once they are there, they are the salespeople's
            fields = self._with_owner(dict(companion.fields)) | {reference: companion.reference}
            if companion.object == "opportunity":
                fields["CloseDate"] = self._close_date
            rows.append(Row(index, companion.object, table, "upsert", fields, reference))
        return rows


def emails_of_owners(items: Sequence[PushItem]) -> set[str]:
    """Agents who are named by e-mail address, in lower case."""
    written = [
        fields
        for item in items
        for fields in (item.fields if item.external_id else item.record, *(each.fields for each in item.companions))
    ]
    return {owner.casefold() for fields in written if isinstance(owner := fields.get(OWNER), str) and "@" in owner}


def request(rows: Sequence[Row]) -> Request:
    """Method, path and body of the call for at most 200 rows of one table and operation."""
    first = rows[0]
    records = [_record(row) for row in rows]
    body = {"allOrNone": False, "records": records}
    if first.operation == "upsert":
        return "PATCH", f"/composite/sobjects/{first.table}/{first.reference}", body
    return ("PATCH" if first.operation == "update" else "POST"), "/composite/sobjects", body


def _record(row: Row) -> dict[str, Any]:
    fields = {("id" if name == "Id" else name): value for name, value in row.fields.items()}
    return {"attributes": {"type": row.table}, **fields}


def outcomes(rows: Sequence[Row], document: Any) -> list[Outcome]:
    """What the answer to ``request`` says of each row. Raises CrmFailure."""
    return [_outcome(row, told) for row, told in zip(rows, answers.rows_of(document, len(rows)), strict=True)]


def _outcome(row: Row, told: Mapping[str, Any]) -> Outcome:
    if told.get("success") is not True:
        return answers.row_failure(told.get("errors"), row.fields)
    record_id = told.get("id") or row.fields.get("Id")
    if not is_record_id(record_id):
        return answers.unexpected("the answer does not name the record's id")
    created = bool(told.get("created", row.operation == "create"))
    return Written(str(record_id), created)


def repaired(row: Row, failure: CrmFailure) -> Row | None:
    """The row as it is worth another try at once; None if it is not."""
    error = failure.error
    if error.code == "UNABLE_TO_LOCK_ROW":
        return row
    if OWNER in row.fields and (error.code in _BAD_OWNER or error.field == OWNER or error.code == _NO_OWN_REFERENCE):
        return _without(row, OWNER)
    reference = row.reference
    if row.operation == "update" and error.code == "DUPLICATE_VALUE" and reference in row.fields:
        assert reference is not None
        if error.field == reference or reference in error.message:
            return _without(row, reference)  # another record bears the lead's name: this one is updated all the same
    return None


def _without(row: Row, name: str) -> Row:
    fields = {key: value for key, value in row.fields.items() if key != name}
    return replace(row, fields=fields, left_out=row.left_out if name == row.reference else (*row.left_out, name))


def is_duplicate(row: Row, failure: CrmFailure) -> bool:
    """Whether a duplicate rule stopped a new lead: then an existing one may be the same person."""
    return row.part == "lead" and row.operation != "update" and failure.error.code == "DUPLICATES_DETECTED"


def result(item: PushItem, rows: Sequence[tuple[Row, Outcome]]) -> PushResult:
    """One item's result from its rows: the lead's own failure counts first, then its companions'."""
    record_id, action = item.external_id, _UPDATE  # nothing to write is done
    left_out: tuple[str, ...] = ()
    for row, outcome in rows:
        if isinstance(outcome, CrmFailure):
            return _refused(row, outcome, record_id)
        if row.part == "lead":
            record_id, left_out = outcome.record_id, row.left_out
            action = _UPDATE if item.external_id else _CREATE if outcome.created else _LINK
    return PushResult(True, record_id, action, left_out=left_out)


def _refused(row: Row, failure: CrmFailure, record_id: str | None) -> PushResult:
    error = failure.error
    # Only what is said of this very record counts: a whole call may fail with the same code.
    gone = row.part == "lead" and row.operation == "update" and error.code in answers.GONE
    gone = gone and error.status is None and error.field is None
    if row.part != "lead":
        field = f"{row.table}.{error.field}" if error.field else row.table
        error = replace(error, field=field, message=f"{row.part}: {error.message}")
    unknown = failure.stored is None
    return PushResult(False, record_id, None, failure.kind, error, failure.retry_after, unknown, gone)
