"""What a connector is: one folder per CRM, the same five parts each, one line in ``hub.registry``.

Everything here but ``CrmClient`` is pure; the client is the only part that talks to a CRM, and only sync-worker opens
one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

WebhookMode = Literal["simple", "timestamped"]


class Capability(StrEnum):
    """What a connector may be able to do; its manifest says of each: done, or exempt with a reason."""

    PUSH = "push"
    BATCH_PUSH = "batch_push"
    IDEMPOTENT_CREATE = "idempotent_create"
    PULL = "pull"
    WEBHOOKS = "webhooks"
    WEBHOOK_TIMESTAMP = "webhook_timestamp"
    FIELD_MAPPINGS = "field_mappings"
    TRANSFORMATIONS = "transformations"
    TOKEN_REFRESH = "token_refresh"  # noqa: S105 - a capability's name


@dataclass(frozen=True, slots=True)
class Exempt:
    """A capability that a connector does not have, and why."""

    reason: str


DONE: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the hub knows about a CRM before it talks to it."""

    crm_type: str
    title: str
    auth_types: tuple[str, ...]
    scorecard: Mapping[Capability, Literal["done"] | Exempt]
    push_batch: int = 1  # records that one call of ``CrmClient.push`` may carry


class Headers(Protocol):
    """Request headers: case-insensitive, a name may come more than once (multidict's interface)."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """All values of a header, or the default."""


@dataclass(slots=True)  # not frozen, for the reason that Event is not: each webhook makes one
class WebhookRecord:
    """One record of a webhook, as the vendor shapes it; never changed once made."""

    event: str  # lead.created, lead.updated, lead.deleted
    record_id: str
    fields: dict[str, Any]
    replay_key: bytes  # equal for two deliveries of the same thing, of any length: the gateway keeps its digest
    observed_at: str | None  # when the vendor says it happened, RFC 3339


class WebhookParser(Protocol):
    """Reads a CRM's webhooks. Pure, and on the gateway's hot path."""

    def verify(self, mode: WebhookMode, secret: bytes, headers: Headers, body: bytes, now: float) -> None:
        """Raise Unauthenticated unless the request is signed as ``mode`` says. ``now`` is Unix seconds."""

    def parse(self, body: bytes) -> list[WebhookRecord]:
        """The records of a body. Raises Malformed or Invalid, naming the field in ``details``."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A value of a CRM's record that the hub cannot take; the rest of the record is unaffected."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class InboundRecord:
    """A CRM's record in the hub's terms."""

    registers: dict[str, Any]
    lead_id: int | None  # the record carries the hub's own reference
    problems: tuple[FieldProblem, ...] = ()


class FieldMap(Protocol):
    """The two-way conversion that one connection's configuration asks for."""

    def outbound(self, registers: Mapping[str, Any]) -> dict[str, Any]:
        """Registers as the CRM's fields."""

    def inbound(self, record: Mapping[str, Any]) -> InboundRecord:
        """A CRM's record (or part of one) as registers."""


@dataclass(frozen=True, slots=True)
class PushItem:
    """A record to write, in the CRM's fields: created when ``external_id`` is None, else updated."""

    lead_id: int
    external_id: str | None
    reference: str  # the hub's name for the lead, MPP-123, which the CRM keeps
    fields: Mapping[str, Any]  # those that differ from what the CRM has
    record: Mapping[str, Any]  # all that the hub knows, for CRMs that replace a record whole


class FailureKind(StrEnum):
    """Why a call did not succeed: the rows of the design document's error_handling table, and server faults."""

    RATE_LIMIT = "rate_limit"
    NETWORK = "network"
    AUTH = "auth"
    VALIDATION = "validation"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class RecordError:
    """What a CRM (or the road to it) said against one record. Never holds a secret."""

    code: str
    message: str
    field: str | None = None
    status: int | None = None
    attempted_value: str | None = None


@dataclass(frozen=True, slots=True)
class PushResult:
    """What came of one item."""

    ok: bool
    external_id: str | None = None
    action: Literal["create", "update", "link"] | None = None
    kind: FailureKind | None = None
    error: RecordError | None = None
    retry_after: float | None = None  # seconds, as the CRM told
    unknown_outcome: bool = False  # the CRM may have stored it all the same


class CrmFailure(Exception):
    """A call to a CRM that is not about one record (look-up, test) failed."""

    def __init__(self, kind: FailureKind, error: RecordError, retry_after: float | None = None) -> None:
        self.kind, self.error, self.retry_after = kind, error, retry_after
        super().__init__(f"{error.code}: {error.message}")


class CrmClient(Protocol):
    """One connection's line to its CRM."""

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Write records; one result per item, in order. Never raises for what a CRM or network does."""

    async def find(self, reference: str, email: str | None) -> str | None:
        """The id of the record that carries the reference, else of the one with that e-mail. Raises CrmFailure."""

    async def test(self) -> None:
        """Whether the CRM answers and accepts the credentials. Raises CrmFailure."""

    async def close(self) -> None:
        """Disconnect."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client is opened with."""

    config: Mapping[str, Any]  # the connection's configuration: the design document's, nothing secret
    credentials: bytes = field(repr=False)
    egress_allow: tuple[str, ...] = ()  # CIDRs that are reachable although they are not public
    connections: int = 16
    timeout: float = 15.0  # seconds for one call, connecting included


@dataclass(frozen=True, slots=True)
class Connector:
    """One CRM."""

    manifest: Manifest
    webhook: WebhookParser
    check_config: Callable[[Mapping[str, Any]], None]  # raises Invalid, naming the field
    mapping: Callable[[Mapping[str, Any]], FieldMap]  # compiles a configuration; keep the result
    client: Callable[[ClientSettings], CrmClient]
