"""Registers ⇄ a Pipedrive person, flat: own fields by the design document's names, custom fields by their names.

Keys of custom fields differ from company to company, so the client translates names and option labels.
"""

import re
from collections.abc import Mapping
from typing import Any

from hub.connectors.pipedrive.wire import (
    EMAIL,
    FIRST,
    LAST,
    OWNER,
    OWNER_EMAIL,
    PHONE,
    RESERVED,
    PipedriveConfig,
    folded_name,
    read_config,
)
from hub.connectors.registers import folded, held, register_for
from hub.contracts.connector import FieldProblem, InboundRecord
from hub.contracts.ids import lead_external_id, parse_lead_external_id
from hub.contracts.pushing import Companion
from hub.contracts.records import CUSTOM_PREFIX, INTERNAL_FIELDS

# The design document's table; what a person lacks is a custom field of that name, found or made.
STANDARD: Mapping[str, str] = {
    "first_name": FIRST,
    "last_name": LAST,
    "email": EMAIL,
    "phone": PHONE,
    "agent_id": OWNER,
    "status": "Lead Status",
    "lead_source": "Lead Source",
    "company": "Company",
    "address": "Address",
    "city": "City",
    "state": "State",
    "postal_code": "Postal Code",
    "country": "Country",
    "date_of_birth": "Date of Birth",
    "notes": "Notes",
}
EXPECTED = ("status", "lead_source")  # custom fields that every connection has

STATUSES = {
    "new": "New",
    "contacted": "Contacted",
    "qualified": "Qualified",
    "enrolled": "Enrolled",
    "lost": "Lost",
}
_PREFIX = "pipedrive:"
_NUMBER = re.compile(r"[1-9][0-9]{0,14}\Z", re.ASCII)


class PipedriveFieldMap:
    """One connection's conversion, compiled once."""

    def __init__(self, config: PipedriveConfig) -> None:
        self._config = config
        self._managed = {folded_name(config.reference_field), folded_name(config.name_field)}
        self._remote = dict(STANDARD)
        for mpp_name, remote in config.field_mappings.mpp_fields.items():
            register = register_for(mpp_name)
            # A field that is given to another register is not this one's any more.
            self._remote = {r: other for r, other in self._remote.items() if folded_name(other) != folded_name(remote)}
            self._remote[register] = remote
        self._register = {folded_name(remote): register for register, remote in self._remote.items()}
        self._explicit = {register_for(name) for name in config.field_mappings.mpp_fields}
        self._agents = {owner: agent for agent, owner in reversed(config.owners.items())}
        self._out: dict[str, Mapping[Any, Any]] = {}
        self._in: dict[str, Mapping[Any, Any]] = {}
        tables = {register_for(name): table for name, table in config.transformations().items()}
        tables["status"] = {**STATUSES, **tables.get("status", {})}
        for register, table in tables.items():
            self._out[register] = dict(table)
            # Two hub values may share a Pipedrive value: the first one listed is what that means.
            self._in[register] = {folded(theirs): ours for ours, theirs in reversed(table.items())}

    @property
    def spelled(self) -> Mapping[str, str]:
        """Folded name → the configuration's spelling, of mapped fields: Pipedrive's own may differ in case."""
        return {folded_name(remote): remote for remote in self._remote.values()}

    @property
    def expected(self) -> Mapping[str, str]:
        """Custom fields that must be there: name → register."""
        found = {self._remote[register]: register for register in EXPECTED if register in self._remote}
        return {name: register for name, register in found.items() if name not in RESERVED}

    def register_of(self, name: str) -> str:
        """Where a flat name is kept."""
        return self._register.get(folded_name(name)) or CUSTOM_PREFIX + name

    def choices(self, register: str) -> tuple[str, ...]:
        """The values that a register's table knows on Pipedrive's side."""
        return tuple(dict.fromkeys(str(value) for value in self._out.get(register, {}).values()))

    def outbound(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        """Registers as a flat person. ``user_id`` may be an e-mail address: the client knows the users."""
        fields: dict[str, Any] = {}
        for register, value in registers.items():
            remote = self._field(register)
            if remote is None or remote in fields:
                continue
            if register == "agent_id":
                value = self._owner(value)
                if value is None:
                    continue  # a person belongs to somebody always
            table = self._out.get(register)
            fields[remote] = table.get(value, value) if table and value.__hash__ else value
        return fields

    def inbound(self, record: Mapping[str, Any]) -> InboundRecord:
        """A flat person, or part of one, as registers."""
        registers: dict[str, Any] = {}
        problems: list[FieldProblem] = []
        reference = None
        for remote, raw in record.items():
            name = folded_name(remote)
            if name in self._managed:
                reference = raw if name == folded_name(self._config.reference_field) else reference
                continue
            register = self._register.get(name) or (CUSTOM_PREFIX + remote if remote not in RESERVED else None)
            if register is None:
                continue
            value, problem = held(remote, register, self._read(register, raw, record))
            if problem:
                problems.append(problem)
            else:
                registers[register] = value
        return InboundRecord(registers, parse_lead_external_id(reference), tuple(problems))

    def companions(self, lead_id: int, registers: Mapping[str, Any]) -> tuple[Companion, ...]:
        """The deal of an enrolled lead; of others the item in the Leads Inbox, if it is kept."""
        status = registers.get("status")
        if not (self._config.deal.enabled if status == "enrolled" else self._config.leads_inbox):
            return ()
        reference = lead_external_id(lead_id)
        fields: dict[str, Any] = {}  # title and owner are only for new ones: those who change them have a say, too
        amount = registers.get(CUSTOM_PREFIX + self._config.deal.amount_field)
        if isinstance(amount, int | float) and not isinstance(amount, bool):
            fields["value"] = amount
        if status == "enrolled":
            return (Companion("deal", f"{reference}-deal", fields | {"status": self._config.deal.status}),)
        return (Companion("lead", f"{reference}-lead", fields | {"is_archived": status == "lost"}),)

    def remote_fields(self) -> Mapping[str, str]:
        """Field → register, of fields that must not vanish: a person's own, and those that are named or expected."""
        return {
            remote: register
            for register, remote in self._remote.items()
            if remote in RESERVED or register in self._explicit or register in EXPECTED
        }

    def knows_owner(self, owner_id: object) -> bool:
        """Whether the configuration says whose id that is."""
        return isinstance(owner_id, int) and owner_id in self._agents

    def _field(self, register: str) -> str | None:
        """The flat name that a register is written to, None if there can be none."""
        remote = self._remote.get(register)
        if remote is not None or not register.startswith(CUSTOM_PREFIX) or register in INTERNAL_FIELDS:
            return remote
        name = register.removeprefix(CUSTOM_PREFIX)
        folded_one = folded_name(name)
        taken = folded_one in self._register or folded_one in self._managed or name in RESERVED
        return None if taken or not folded_one else name

    def _owner(self, agent: Any) -> int | str | None:
        """The user's id, or an e-mail address by which to find it; None for an agent of somebody else's."""
        if not isinstance(agent, str):
            return None
        if agent in self._config.owners:
            return self._config.owners[agent]
        number = agent.removeprefix(_PREFIX)
        if number != agent and _NUMBER.match(number):
            return int(number)
        return agent if "@" in agent else None

    def _read(self, register: str, raw: Any, record: Mapping[str, Any]) -> Any:
        if register == "agent_id" and isinstance(raw, int):
            by_email = record.get(OWNER_EMAIL) if self._config.owners_by_email else None
            return self._agents.get(raw) or by_email or f"{_PREFIX}{raw}"
        table = self._in.get(register)
        return table.get(folded(raw), raw) if table else raw


def compile_mapping(config: Mapping[str, Any]) -> PipedriveFieldMap:
    """The conversion for a connection's configuration. Raises Invalid when it cannot be used."""
    return PipedriveFieldMap(read_config(config))
