"""Registers ⇄ Salesforce's fields: a table, adjusted by the connection's configuration."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from hub.connectors.registers import folded, held, register_for
from hub.connectors.salesforce.wire import SalesforceConfig, is_api_name, is_record_id, read_config
from hub.contracts.connector import FieldProblem, InboundRecord
from hub.contracts.ids import lead_external_id, parse_lead_external_id
from hub.contracts.pushing import Companion
from hub.contracts.records import CUSTOM_PREFIX

# The design document's table, and the fields for which Salesforce's lead has a natural place beyond it.
STANDARD: Mapping[str, str] = {
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "Email",
    "phone": "Phone",
    "status": "Status",
    "agent_id": "OwnerId",
    "lead_source": "LeadSource",
    "company": "Company",
    "address": "Street",
    "city": "City",
    "state": "State",
    "postal_code": "PostalCode",
    "country": "Country",
    "notes": "Description",
}

# Standard fields of a lead that the hub has no register for: kept as custom fields of the same name.
KEPT = frozenset(
    {"Title", "Salutation", "MobilePhone", "Fax", "Website", "Industry", "Rating", "AnnualRevenue"}
    | {"NumberOfEmployees", "DoNotCall", "HasOptedOutOfEmail"}
)

STATUSES = {  # the design document's
    "new": "Open",
    "contacted": "Working",
    "qualified": "Qualified",
    "enrolled": "Closed Won",
    "lost": "Closed Lost",
}
STATUS_SYNONYMS = {  # what a new Salesforce org calls them
    "open - not contacted": "new",
    "working - contacted": "contacted",
    "closed - converted": "enrolled",
    "closed - not converted": "lost",
}
CONTACT = {  # a contact's fields where they differ from a lead's
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "Email",
    "phone": "Phone",
    "agent_id": "OwnerId",
    "lead_source": "LeadSource",
    "address": "MailingStreet",
    "city": "MailingCity",
    "state": "MailingState",
    "postal_code": "MailingPostalCode",
    "country": "MailingCountry",
}

OWNER, OWNER_EMAIL, STATUS = "OwnerId", "Owner.Email", "Status"
_NEVER_NULL = frozenset({OWNER, STATUS})  # Salesforce keeps a value there, whatever one says
_SUFFIX, _PREFIX = "__c", "salesforce:"
_MAX_NAME = 120  # of an opportunity


class SalesforceFieldMap:
    """One connection's conversion, compiled once."""

    def __init__(self, config: SalesforceConfig) -> None:
        self._config = config
        self._reference_field = (config.external_id_field or "").lower()
        self._remote = dict(STANDARD)
        for mpp_name, remote in config.field_mappings.mpp_fields.items():
            register = register_for(mpp_name)
            # A field that is given to another register is not this one's any more.
            self._remote = {name: other for name, other in self._remote.items() if other.lower() != remote.lower()}
            self._remote[register] = remote
        self._register = {remote.lower(): register for register, remote in self._remote.items()}
        self._required = {name.lower(): value for name, value in config.required_defaults.items()}
        self._agents = {_short(owner): agent for agent, owner in reversed(config.owners.items())}
        self._out: dict[str, Mapping[Any, Any]] = {}
        self._in: dict[str, Mapping[Any, Any]] = {}
        tables = {register_for(name): table for name, table in config.transformations().items()}
        tables["status"] = {**STATUSES, **tables.get("status", {})}
        for register, table in tables.items():
            self._out[register] = dict(table)
            # Two hub values may share a Salesforce value: the first one listed is what that means.
            self._in[register] = {folded(theirs): ours for ours, theirs in reversed(table.items())}
        self._in["status"] = {**STATUS_SYNONYMS, **self._in["status"]}

    @property
    def status_field(self) -> str | None:
        """Where the lead's status goes."""
        return self._remote.get("status")

    def outbound(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        """Registers as the lead's fields. ``OwnerId`` may be an e-mail address: the client knows the users."""
        fields: dict[str, Any] = {}
        for register, value in registers.items():
            remote = self._field(register)
            if remote is not None and remote not in fields:
                self._put(fields, remote, register, value)
        return fields

    def inbound(self, record: Mapping[str, Any]) -> InboundRecord:
        """A lead's fields, as REST, Bulk or a webhook tell them, flat."""
        registers: dict[str, Any] = {}
        problems: list[FieldProblem] = []
        reference = None
        for remote, raw in record.items():
            lower = remote.lower()
            if lower == self._reference_field:
                reference = raw
                continue
            register = self._register.get(lower) or _custom_register(remote)
            if register is None:
                continue
            value, problem = held(remote, register, self._read(register, lower, raw, record))
            if problem:
                problems.append(problem)
            else:
                registers[register] = value
        return InboundRecord(registers, parse_lead_external_id(reference), tuple(problems))

    def companions(self, lead_id: int, registers: Mapping[str, Any]) -> tuple[Companion, ...]:
        """The contact and the opportunity of an enrolled lead; both bear the hub's reference."""
        if registers.get("status") != "enrolled" or not self._reference_field:
            return ()
        made, reference, objects = [], lead_external_id(lead_id), self._config.objects
        if objects.contact:
            made.append(Companion("contact", f"{reference}-contact", self._contact(registers)))
        if objects.opportunity:
            made.append(Companion("opportunity", f"{reference}-opportunity", self._opportunity(reference, registers)))
        return tuple(made)

    def remote_fields(self) -> Mapping[str, str]:
        """Field → register, of the fields that are mapped by name."""
        return {remote: register for register, remote in self._remote.items()}

    def knows_owner(self, owner_id: object) -> bool:
        """Whether the configuration says whose id that is."""
        return isinstance(owner_id, str) and _short(owner_id) in self._agents

    def _field(self, register: str) -> str | None:
        """The field that a register is written to, None if there can be none."""
        remote = self._remote.get(register)
        if remote is not None or not register.startswith(CUSTOM_PREFIX):
            return remote
        name = register.removeprefix(CUSTOM_PREFIX)
        remote = name if name in KEPT or name.endswith(_SUFFIX) else name + _SUFFIX
        taken = remote.lower() in self._register or remote.lower() == self._reference_field
        return remote if is_api_name(remote) and not taken else None

    def _put(self, fields: dict[str, Any], remote: str, register: str, value: Any) -> None:
        if register == "agent_id":
            value = self._owner(value)
        table = self._out.get(register)
        if table and value.__hash__:
            value = table.get(value, value)
        if value is None or value == "":
            value = self._required.get(remote.lower())
        if value is not None or remote not in _NEVER_NULL:
            fields[remote] = value

    def _owner(self, agent: Any) -> str | None:
        """The user's id, or an e-mail address by which to find it; None for an agent of somebody else's."""
        if not isinstance(agent, str):
            return None
        owner = self._config.owners.get(agent) or agent.removeprefix(_PREFIX)
        return owner if "@" in owner or (owner != agent and is_record_id(owner)) else None

    def _read(self, register: str, lower: str, raw: Any, record: Mapping[str, Any]) -> Any:
        if raw is not None and raw == self._required.get(lower):
            return None  # the hub's own word for "not known"
        if register == "agent_id" and is_record_id(raw):
            known = self._agents.get(_short(raw))
            by_email = record.get(OWNER_EMAIL) if self._config.owners_by_email else None
            return known or by_email or _PREFIX + raw
        table = self._in.get(register)
        return table.get(folded(raw), raw) if table else raw

    def _contact(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for register, remote in CONTACT.items():
            if register in registers or register == "last_name":
                self._put(fields, remote, register, registers.get(register))
        born = registers.get("date_of_birth")
        if isinstance(born, str) and _is_day(born):
            fields["Birthdate"] = born
        return fields

    def _opportunity(self, reference: str, registers: Mapping[str, Any]) -> dict[str, Any]:
        """Without its close date: that is for the client, which knows what day it is."""
        names = [registers.get("first_name"), registers.get("last_name")]
        name = " ".join(str(part) for part in names if part) or str(registers.get("company") or reference)
        fields: dict[str, Any] = {"Name": name[:_MAX_NAME], "StageName": self._config.opportunity.stage}
        amount = registers.get(CUSTOM_PREFIX + self._config.opportunity.amount_field)
        if isinstance(amount, int | float) and not isinstance(amount, bool):
            fields["Amount"] = amount
        self._put(fields, OWNER, "agent_id", registers.get("agent_id"))
        return fields


def _custom_register(remote: str) -> str | None:
    """Where a field that nobody mapped is kept; None for Salesforce's own housekeeping."""
    if remote in KEPT:
        return CUSTOM_PREFIX + remote
    return CUSTOM_PREFIX + remote[: -len(_SUFFIX)] if remote.endswith(_SUFFIX) else None


def _short(owner_id: str) -> str:
    """The 15 characters that the longer form of an id begins with."""
    return owner_id[:15]


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def compile_mapping(config: Mapping[str, Any]) -> SalesforceFieldMap:
    """The conversion for a connection's configuration. Raises Invalid when it cannot be used."""
    return SalesforceFieldMap(read_config(config))
