"""What a connector is: one folder per CRM, the same parts each, one line in ``hub.registry``.

Everything here but ``CrmClient`` is pure; the client is the only part that talks to a CRM: sync-worker opens one to
work, the gateway to try a new connection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from hub.contracts.grants import OAuthApp, OAuthFlow, Tokens
from hub.contracts.metering import Meter, Unmetered, Window
from hub.contracts.pulling import Cursor, FieldSpec, Identity, Owner, Page, PullMode, RemoteRecord
from hub.contracts.pushing import Companion, PushItem, PushResult
from hub.contracts.webhooks import WebhookParser


class Capability(StrEnum):
    """What a connector may be able to do; its manifest says of each: done, or exempt with a reason.

    The conformance suite tries each one that is done.
    """

    PUSH = "push"  # create and update
    BATCH_PUSH = "batch_push"  # several records a call, an outcome each
    BULK = "bulk"  # an asynchronous job for large numbers, both ways
    IDEMPOTENT_CREATE = "idempotent_create"  # a create repeated after a lost answer makes no second record
    UPSERT = "upsert"  # by the CRM itself
    DELETE = "delete"
    COMPANIONS = "companions"  # contact, opportunity or deal follow an enrolment
    PULL = "pull"  # every record, page by page
    PULL_CHANGES = "pull_changes"
    PULL_DELETES = "pull_deletes"
    PULL_MERGES = "pull_merges"
    FETCH = "fetch"  # records by id
    DESCRIBE = "describe"
    OWNERS = "owners"
    WEBHOOKS = "webhooks"
    WEBHOOK_TIMESTAMP = "webhook_timestamp"
    FIELD_MAPPINGS = "field_mappings"
    TRANSFORMATIONS = "transformations"
    TOKEN_REFRESH = "token_refresh"  # noqa: S105 - a capability's name
    QUOTA = "quota"  # its limits are known and learnt


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
    auth_types: tuple[str, ...]  # api_key, oauth2
    scorecard: Mapping[Capability, Literal["done"] | Exempt]
    objects: tuple[str, ...] = ("lead",)  # lead, contact, opportunity, deal
    push_batch: int = 1  # records that one call of ``CrmClient.push`` should carry
    bulk_batch: int = 0  # records of one bulk job; 0: none
    bulk_threshold: int = 2000  # from so many due records on, a job (configuration ``bulk_threshold``)
    push_seconds: float = 0.0  # a call of ``push`` (with what it does inside) may last longer than one HTTP call
    exact_fields: bool = True  # ``describe`` names every field; False: those that happen to occur
    external_id: str = ""  # how a create is made idempotent, in words


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

    def companions(self, lead_id: int, registers: Mapping[str, Any]) -> tuple[Companion, ...]:
        """What has to stand beside the lead in the CRM, as it is now."""

    def remote_fields(self) -> Mapping[str, str]:
        """CRM field → register, of the fields that are mapped by name: those whose vanishing is an alarm."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One page, please."""

    mode: PullMode
    cursor: Cursor | None = None  # of the page before; None: the beginning (in CHANGES: of all that is)
    backfill: bool = False  # a large read, which may use the vendor's bulk way


class CrmClient(Protocol):
    """One connection's line to its CRM. Its calls are authorised, metered, bounded in time and size."""

    async def test(self) -> Identity:
        """Whether the CRM answers, accepts the credentials and has what the hub needs. Raises CrmFailure."""

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Write records; one result per item, in order. Never raises for what a CRM or network does."""

    async def delete(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Delete (or archive) records by ``external_id``; one that is gone already is done."""

    async def find(self, reference: str, email: str | None) -> str | None:
        """The id of the record that carries the reference, else of the one with that e-mail. Raises CrmFailure."""

    async def pull(self, request: PullRequest) -> Page:
        """The next page. Raises CrmFailure; the same cursor may then be tried again."""

    async def fetch(self, record_ids: Sequence[str]) -> list[RemoteRecord]:
        """Records by id, in any order; one that is gone comes as deleted. Raises CrmFailure."""

    async def describe(self) -> list[FieldSpec]:
        """Fields of the object that holds leads. Raises CrmFailure."""

    async def owners(self) -> list[Owner]:
        """Users that records can belong to. Raises CrmFailure."""

    async def close(self) -> None:
        """Disconnect."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client is opened with."""

    config: Mapping[str, Any]  # the connection's configuration: the design document's, nothing secret
    tokens: Tokens = field(repr=False)
    app: OAuthApp | None = None  # hosts of the vendor; None for CRMs that are named by the configuration alone
    meter: Meter = field(default_factory=Unmetered)
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
    limits: Callable[[Mapping[str, Any]], tuple[Window, ...]]  # budgets as known before the vendor tells
    oauth: OAuthFlow | None = None
