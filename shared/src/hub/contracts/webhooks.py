"""Webhooks of CRMs: what a connector makes of a request. Pure, and on the gateway's hot path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

WebhookMode = Literal["simple", "timestamped"]


class Headers(Protocol):
    """Request headers: case-insensitive, a name may come more than once (multidict's interface)."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """All values of a header, or the default."""


@dataclass(slots=True)  # not frozen: each webhook makes one
class WebhookRequest:
    """What came in."""

    method: str
    url: str  # as the CRM called it: the public base URL, path and query
    headers: Headers
    body: bytes
    now: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class WebhookTrust:
    """What a connection's webhooks are checked against."""

    mode: WebhookMode
    secret: bytes = field(repr=False)  # the connection's own, else the vendor app's client secret
    config: Mapping[str, Any] = field(default_factory=dict)
    tenant: str | None = None  # the vendor's name for the customer: org id, portal id, company id


@dataclass(slots=True)  # not frozen, for the reason that Event is not: each webhook makes one
class WebhookRecord:
    """One record of a webhook, as the vendor shapes it; never changed once made.

    ``lead.changed`` carries no (or not all) fields that the hub needs: sync-worker reads the record and publishes it.
    """

    event: str  # lead.created, lead.updated, lead.deleted, lead.merged, lead.changed
    record_id: str
    fields: dict[str, Any]
    replay_key: bytes  # equal for two deliveries of the same thing, of any length: the gateway keeps its digest
    observed_at: str | None  # when the vendor says it happened, RFC 3339
    tenant: str | None = None  # where one address serves many customers
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """A body that the CRM wants to hear."""

    content_type: str
    body: bytes


class WebhookParser(Protocol):
    """Reads a CRM's webhooks."""

    @property
    def content_types(self) -> Sequence[str]:
        """Media types that its webhooks come in."""

    @property
    def per_app(self) -> bool:
        """One address for all customers, signed with the app's secret: ``WebhookRecord.tenant`` tells whose it is."""

    @property
    def accepted(self) -> WebhookAnswer | None:
        """What the CRM wants to hear; None: the hub's own JSON will do."""

    def verify(self, trust: WebhookTrust, request: WebhookRequest) -> None:
        """Raise Unauthenticated unless the request is from the CRM."""

    def parse(self, trust: WebhookTrust, request: WebhookRequest) -> list[WebhookRecord]:
        """The records of a body. Raises Malformed or Invalid, naming the field in ``details``."""
