"""Registers ⇄ a HubSpot contact's properties: the design document's table, adjusted by ``field_mappings``.

Property values are texts on the wire (``values.py``); here they are what registers hold. ``None`` clears.
"""

from collections.abc import Mapping
from typing import Any

from hub.connectors.hubspot import wire
from hub.connectors.hubspot.names import custom_name, property_name
from hub.connectors.registers import folded, held, register_for
from hub.contracts.connector import FieldProblem, InboundRecord
from hub.contracts.ids import lead_external_id, parse_lead_external_id
from hub.contracts.pushing import Companion
from hub.contracts.records import CUSTOM_PREFIX, INTERNAL_FIELDS, LeadStatus

PROPERTIES = {
    "first_name": "firstname",
    "last_name": "lastname",
    "email": wire.EMAIL,
    "phone": "phone",
    "status": wire.LIFECYCLE,
    "agent_id": wire.OWNER,
    "lead_source": wire.LEAD_STATUS,
    "company": "company",
    "address": "address",
    "city": "city",
    "state": "state",
    "postal_code": "zip",
    "country": "country",
    "date_of_birth": "date_of_birth",
    "notes": "message",
}
STAGES: dict[str, Any] = {
    "new": "lead",
    "contacted": "marketingqualifiedlead",
    "qualified": "salesqualifiedlead",
    "enrolled": "customer",
    "lost": "other",
}
# HubSpot's further stages, as the hub understands them; they are only read.
OTHER_STAGES = {"subscriber": "new", "opportunity": "qualified", "evangelist": "enrolled"}
READ_ONLY = frozenset({wire.CREATED, wire.MODIFIED, wire.OBJECT_ID})
OWN_PREFIX = f"{wire.CRM_TYPE}:"


class HubSpotFieldMap:
    """One connection's conversion, compiled once."""

    def __init__(self, config: wire.HubSpotConfig) -> None:
        self.reference = config.reference_property
        self._deal = config.deal
        self.remote = dict(PROPERTIES)
        for mpp_name, remote in config.field_mappings.mpp_fields.items():
            self.remote[register_for(mpp_name)] = remote
        self._register = {remote: register for register, remote in self.remote.items()}
        self._owner_of = dict(config.owners)
        self._agent_of = {owner: agent for agent, owner in reversed(config.owners.items())}
        self._values_out: dict[str, dict[Any, Any]] = {"status": STAGES}
        self._values_in: dict[str, dict[Any, Any]] = {
            "status": OTHER_STAGES | {folded(theirs): ours for ours, theirs in STAGES.items()}
        }
        for mpp_name, table in config.transformations().items():
            register = register_for(mpp_name)
            self._values_out[register] = self._values_out.get(register, {}) | table
            # Two hub values may share a HubSpot value: the first one listed is what HubSpot's value means.
            listed = {folded(theirs): ours for ours, theirs in reversed(table.items())}
            self._values_in[register] = self._values_in.get(register, {}) | listed

    def outbound(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        """Registers as properties. An agent whom HubSpot cannot know is left out; an e-mail is resolved later."""
        fields: dict[str, Any] = {}
        for register, value in registers.items():
            remote = self._property(register)
            if remote is None:
                continue
            if register == "agent_id" and value is not None:
                value = self._owner(str(value))
                if value is None:
                    continue
            table = self._values_out.get(register)
            fields[remote] = table.get(value, value) if table and value.__hash__ else value
        return fields

    def inbound(self, record: Mapping[str, Any]) -> InboundRecord:
        """A contact's properties as registers. What the hub has no field for becomes ``custom.<name>``."""
        registers: dict[str, Any] = {}
        problems: list[FieldProblem] = []
        for remote, raw in record.items():
            register = self.register(remote)
            if register is None:
                continue
            value = None if raw == "" else raw
            if register == "agent_id" and value is not None:
                value = self._agent(str(value))
            table = self._values_in.get(register)
            value, problem = held(remote, register, table.get(folded(value), value) if table else value)
            if problem:
                problems.append(problem)
            else:
                registers[register] = value
        return InboundRecord(registers, parse_lead_external_id(record.get(self.reference)), tuple(problems))

    def companions(self, lead_id: int, registers: Mapping[str, Any]) -> tuple[Companion, ...]:
        """The deal of an enrolment."""
        if self._deal is None or registers.get("status") != LeadStatus.ENROLLED:
            return ()
        reference = lead_external_id(lead_id)
        name = " ".join(str(registers.get(part) or "") for part in ("first_name", "last_name")).strip()
        fields = {
            "dealname": name or str(registers.get("email") or reference),
            "pipeline": self._deal.pipeline,
            "dealstage": self._deal.stage,
        }
        amount = registers.get(register_for(self._deal.amount_field))
        if amount is not None and amount != "":
            fields["amount"] = amount
        return (Companion("deal", f"{reference}-deal", fields),)

    def remote_fields(self) -> Mapping[str, str]:
        """Properties that are mapped by name."""
        return self._register

    def register(self, remote: str) -> str | None:
        """What a property is in the hub; None for those that are HubSpot's or the hub's own business."""
        if remote == self.reference or remote in READ_ONLY:
            return None
        if known := self._register.get(remote):
            return known
        name = None if remote.startswith(wire.SYSTEM_PREFIX) else custom_name(remote)
        return None if name is None else CUSTOM_PREFIX + name

    def _property(self, register: str) -> str | None:
        if remote := self.remote.get(register):
            return remote
        if register in INTERNAL_FIELDS:
            return None
        remote = property_name(register.removeprefix(CUSTOM_PREFIX))
        # A custom field hidden behind a mapped property of the same name, or named as what is not ours to write.
        return remote if wire.is_property(remote) and self.register(remote) == register else None

    def _owner(self, agent: str) -> str | None:
        """The owner's id, or the e-mail that is to be resolved."""
        if owner := self._owner_of.get(agent):
            return owner
        if agent.startswith(OWN_PREFIX):
            return agent.removeprefix(OWN_PREFIX)
        return agent if "@" in agent else None

    def _agent(self, owner: str) -> str:
        if agent := self._agent_of.get(owner):
            return agent
        return owner if "@" in owner else OWN_PREFIX + owner


def compile_mapping(config: Mapping[str, Any]) -> HubSpotFieldMap:
    """The conversion for a connection's configuration. Raises Invalid when it cannot be used."""
    return HubSpotFieldMap(wire.read_config(config))
