"""Webhook subscriptions: who is told what, in which words, and when Pipedrive loses patience."""

import base64
import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from simulators.kit.clock import Clock
from simulators.kit.deliveries import Deliveries, Delivery
from simulators.pipedrive.errors import Refused

ACTIONS = ("create", "change", "delete", "*")
OBJECTS = ("activity", "deal", "lead", "note", "organization", "person", "pipeline", "product", "stage", "user", "*")
PAUSES = (3.0, 30.0, 150.0)
DEADLINE = 10.0
MOST_PER_USER = 40
FAILURES_TO_BAN, BAN_SECONDS, SILENCE_TO_DELETE = 10, 1800.0, 3 * 86_400.0
_V1_ACTIONS = {"create": "added", "change": "updated", "delete": "deleted"}


@dataclass(slots=True)
class Subscription:
    """One webhook. ``failures``: first attempts that failed since the last success."""

    id: int
    url: str
    action: str
    object: str
    name: str
    user_id: int
    owner_id: int
    company_id: int
    auth_user: str | None
    auth_password: str | None
    version: str
    added: datetime
    client_id: str | None = None
    failures: int = 0
    failing_since: float | None = None
    banned_until: float = 0.0
    last_delivery: datetime | None = None
    last_status: int | None = None

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id, "company_id": self.company_id, "owner_id": self.owner_id, "user_id": self.user_id,
            "event_action": self.action, "event_object": self.object, "subscription_url": self.url,
            "version": self.version, "is_active": 1, "add_time": f"{self.added:%Y-%m-%d %H:%M:%S}",
            "remove_time": None, "type": "application" if self.client_id else "general",
            "http_auth_user": self.auth_user, "http_auth_password": self.auth_password, "remove_reason": None,
            "last_delivery_time": self.last_delivery and f"{self.last_delivery:%Y-%m-%d %H:%M:%S}",
            "last_http_status": self.last_status, "admin_id": self.owner_id, "name": self.name,
        }  # fmt: skip

    def wants(self, action: str, kind: str) -> bool:
        """Whether an event is subscribed to."""
        return self.action in (action, "*") and self.object in (kind, "*")


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a record; ``data`` and ``previous`` as webhooks v2 show them, ``flat`` ones as v1 does."""

    action: str
    kind: str
    record_id: Any
    data: Mapping[str, Any] | None
    previous: Mapping[str, Any] | None
    whole_previous: Mapping[str, Any] | None
    source: str  # api or app
    user_id: int
    host: str
    company_id: int
    bulk: bool = False
    merge: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    correlation_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Webhooks:
    """All subscriptions, and the way out."""

    def __init__(self, clock: Clock, deliveries: Deliveries, *, https_only: bool) -> None:
        self.subscriptions: dict[int, Subscription] = {}
        self.removed: list[dict[str, Any]] = []
        self._clock, self._deliveries, self._https_only = clock, deliveries, https_only
        self._numbers = itertools.count(1)

    def subscribe(self, wish: Any, *, user_id: int, company_id: int, client_id: str | None) -> Subscription:
        """A new subscription. Raises Refused."""
        errors = self._errors(wish)
        if errors:
            raise Refused(400, {"status": "error", "success": False, "errors": errors})
        for_user = int(wish.get("user_id") or user_id)
        if sum(each.user_id == for_user for each in self.subscriptions.values()) >= MOST_PER_USER:
            raise Refused(422, {"status": "error", "success": False, "error": "Webhook limit reached"})
        made = Subscription(
            next(self._numbers), wish["subscription_url"], wish["event_action"], wish["event_object"], wish["name"],
            for_user, user_id, company_id, wish.get("http_auth_user"), wish.get("http_auth_password"),
            wish.get("version", "2.0"), self._clock.now(), client_id,
        )  # fmt: skip
        self.subscriptions[made.id] = made
        return made

    def remove(self, subscription_id: int, reason: str) -> bool:
        """End a subscription; False when there is none."""
        gone = self.subscriptions.pop(subscription_id, None)
        if gone is not None:
            end = {"is_active": 0, "remove_time": f"{self._clock.now():%Y-%m-%d %H:%M:%S}", "remove_reason": reason}
            self.removed.append({**gone.shown(), **end})
        return gone is not None

    def tell(self, change: Change) -> None:
        """Send to everybody who wants it and is not banned; to the banned it is lost."""
        for subscription in self.subscriptions.values():
            if not subscription.wants(change.action, change.kind):
                continue
            if subscription.banned_until > self._clock.time():
                self._deliveries.counts["banned"] += 1
                continue
            self._deliveries.send(self._delivery(subscription, change))

    def reset(self) -> None:
        """Forget everything."""
        self.subscriptions, self.removed = {}, []

    def _delivery(self, subscription: Subscription, change: Change) -> Delivery:
        moment = self._clock.now()
        headers = {"Content-Type": "application/json", "User-Agent": "Pipedrive Webhooks"}
        if subscription.auth_user is not None:
            pair = f"{subscription.auth_user}:{subscription.auth_password or ''}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        shape = _v2_body if subscription.version == "2.0" else _v1_body

        def build(attempt: int) -> tuple[bytes, Mapping[str, str]]:
            return orjson.dumps(shape(subscription, change, attempt, moment)), headers

        def ended(delivery: Delivery, attempt: int, ok: bool) -> None:
            self._judge(subscription, delivery, attempt, ok)

        subject = {"event": f"{change.action}.{change.kind}", "entity_id": str(change.record_id), "id": change.id,
                   "webhook_id": subscription.id}  # fmt: skip
        return Delivery(subscription.url, build, subject, ended=ended)

    def _judge(self, subscription: Subscription, delivery: Delivery, attempt: int, ok: bool) -> None:
        now = self._clock.time()
        subscription.last_delivery, subscription.last_status = self._clock.now(), delivery.attempts[-1].get("status")
        if ok:
            subscription.failures, subscription.failing_since = 0, None
            return
        subscription.failing_since = subscription.failing_since or now
        if now - subscription.failing_since >= SILENCE_TO_DELETE:
            self.remove(subscription.id, "no successful delivery for 3 days")
        if attempt == 0:
            subscription.failures += 1
            if subscription.failures >= FAILURES_TO_BAN:
                subscription.failures, subscription.banned_until = 0, now + BAN_SECONDS

    def _errors(self, wish: Any) -> dict[str, list[str]]:
        if not isinstance(wish, dict):
            return {"body": ["must be an object"]}
        errors: dict[str, list[str]] = {}
        if not self._is_reachable(wish.get("subscription_url")):
            errors["subscription_url"] = ["invalid or non-reachable URL"]
        if wish.get("event_action") not in ACTIONS:
            errors["event_action"] = [f"must be one of {', '.join(ACTIONS)}"]
        if wish.get("event_object") not in OBJECTS:
            errors["event_object"] = [f"must be one of {', '.join(OBJECTS)}"]
        if not isinstance(wish.get("name"), str) or not wish["name"]:
            errors["name"] = ["is required"]
        if wish.get("version", "2.0") not in ("1.0", "2.0"):
            errors["version"] = ["must be 1.0 or 2.0"]
        if not isinstance(wish.get("user_id"), int | None):
            errors["user_id"] = ["must be a number"]
        for name in ("http_auth_user", "http_auth_password"):
            if not isinstance(wish.get(name), str | None):
                errors[name] = ["must be a string"]
        return errors

    def _is_reachable(self, url: Any) -> bool:
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
            host = parts.hostname if parts else None
        except ValueError:
            return False
        if parts is None or not host or parts.scheme not in ("http", "https"):
            return False
        here = host == "localhost" or host.startswith("127.") or host == "::1"
        return parts.scheme == "https" or here or not self._https_only


def _v2_body(subscription: Subscription, change: Change, attempt: int, moment: datetime) -> dict[str, Any]:
    meta = {
        "action": change.action, "entity": change.kind, "entity_id": str(change.record_id),
        "company_id": str(change.company_id), "user_id": str(change.user_id), "id": change.id,
        "correlation_id": change.correlation_id,
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z",
        "type": "application" if subscription.client_id else "general", "version": "2.0",
        "webhook_id": str(subscription.id), "webhook_owner_id": str(subscription.owner_id),
        "change_source": change.source, "is_bulk_edit": change.bulk, "attempt": attempt + 1, "host": change.host,
        "permitted_user_ids": [str(change.user_id)], **change.merge,
    }  # fmt: skip
    return {"data": change.data, "previous": change.previous, "meta": meta}


def _v1_body(subscription: Subscription, change: Change, attempt: int, moment: datetime) -> dict[str, Any]:
    action = "merged" if "merged_to_id" in change.merge else _V1_ACTIONS[change.action]
    meta = {
        "v": 1, "action": action, "object": change.kind, "id": change.record_id, "company_id": change.company_id,
        "user_id": change.user_id, "host": change.host, "timestamp": int(moment.timestamp()),
        "timestamp_micro": int(moment.timestamp() * 1_000_000), "permitted_user_ids": [change.user_id],
        "trans_pending": False, "is_bulk_update": change.bulk, "matches_filters": {"current": []},
        "webhook_id": str(subscription.id), "change_source": change.source,
    }  # fmt: skip
    return {"v": 1, "event": f"{action}.{change.kind}", "retry": attempt, "current": change.data,
            "previous": change.whole_previous, "meta": meta}  # fmt: skip


def merged(change: Change, **ids: Any) -> Change:
    """The change as part of a merge: ``merged_to_id`` or ``merged_from_id``."""
    return replace(change, merge={name: str(each) for name, each in ids.items()})
