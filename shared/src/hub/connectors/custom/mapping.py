"""Registers ⇄ a custom CRM's fields: a table, adjusted by the connection's ``field_mappings``."""

from collections.abc import Mapping
from typing import Any

from hub.connectors.custom.wire import READ_ONLY, USUAL_MODIFIED, CustomConfig, read_config
from hub.connectors.registers import folded, held, register_for
from hub.contracts.connector import FieldProblem, InboundRecord
from hub.contracts.ids import parse_lead_external_id
from hub.contracts.pushing import Companion
from hub.contracts.records import CUSTOM_PREFIX, INTERNAL_FIELDS, STANDARD_FIELDS

# Where the customer's CRM and the hub differ in a name; every other standard field has the same one.
RENAMED = {"agent_id": "owner", "lead_source": "source"}


class CustomFieldMap:
    """One connection's conversion, compiled once."""

    def __init__(self, config: CustomConfig) -> None:
        self._reference_field = config.reference_field
        managed = (config.id_path, config.modified_path, config.deleted_path)
        self._managed = READ_ONLY | {path for path in managed if path and "." not in path} | set(USUAL_MODIFIED)
        self._remote = {name: RENAMED.get(name, name) for name in STANDARD_FIELDS}
        for mpp_name, remote in config.field_mappings.mpp_fields.items():
            self._remote[register_for(mpp_name)] = remote
        self._register = {remote: register for register, remote in self._remote.items()}
        self._values_out: dict[str, dict[Any, Any]] = {}
        self._values_in: dict[str, dict[Any, Any]] = {}
        for mpp_name, table in config.transformations().items():
            register = register_for(mpp_name)
            self._values_out[register] = dict(table)
            # Two hub values may share a CRM value: the first one listed is what the CRM's value means.
            self._values_in[register] = {folded(theirs): ours for ours, theirs in reversed(table.items())}

    def outbound(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        """Registers as the CRM's fields; a custom field keeps its bare name unless the configuration names another."""
        fields = {}
        for register, value in registers.items():
            if register in INTERNAL_FIELDS:
                continue
            remote = self._remote.get(register) or register.removeprefix(CUSTOM_PREFIX)
            table = self._values_out.get(register)
            if remote in self._managed or remote == self._reference_field:
                continue  # a custom field that happens to bear the name of something that is not ours to write
            if register not in self._remote and remote in self._register:
                continue  # a custom field hidden behind a mapped one of the same name
            fields[remote] = table.get(value, value) if table and value.__hash__ else value
        return fields

    def companions(self, lead_id: int, registers: Mapping[str, Any]) -> tuple[Companion, ...]:
        """None: the design document's custom API knows leads only."""
        return ()

    def remote_fields(self) -> Mapping[str, str]:
        """The names that the configuration mapped."""
        return self._register

    def inbound(self, record: Mapping[str, Any]) -> InboundRecord:
        """A CRM's record as registers. What the hub has no field for becomes ``custom.<name>``."""
        registers: dict[str, Any] = {}
        problems: list[FieldProblem] = []
        for remote, raw in record.items():
            if remote in self._managed or remote == self._reference_field:
                continue
            register = self._register.get(remote) or CUSTOM_PREFIX + remote
            table = self._values_in.get(register)
            value = table.get(folded(raw), raw) if table else raw
            value, problem = held(remote, register, value)
            if problem:
                problems.append(problem)
            else:
                registers[register] = value
        return InboundRecord(
            registers, parse_lead_external_id(record.get(self._reference_field or "")), tuple(problems)
        )


def compile_mapping(config: Mapping[str, Any]) -> CustomFieldMap:
    """The conversion for a connection's configuration. Raises Invalid when it cannot be used."""
    return CustomFieldMap(read_config(config))
