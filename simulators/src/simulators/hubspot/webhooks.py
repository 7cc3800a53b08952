"""Events gathered into deliveries and signed."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import orjson

from simulators.hubspot import signatures
from simulators.hubspot.catalogue import Kind
from simulators.hubspot.options import Options
from simulators.hubspot.portal import Actor
from simulators.hubspot.subscriptions import App
from simulators.kit.clock import Clock
from simulators.kit.deliveries import Deliveries, Delivery
from simulators.kit.grants import Grants

DEADLINE = 5.0
_MOST = 100
# ten more tries within 24 hours, each a little off
_PAUSES = (60, 180, 600, 1_800, 3_600, 7_200, 10_800, 14_400, 18_000, 21_600)


def pauses() -> tuple[float, ...]:
    """Seconds before each retry."""
    rng = random.Random(7)
    return tuple(each * rng.uniform(0.9, 1.1) for each in _PAUSES)


class Webhooks:
    """All apps' settings, and the events that wait for the next delivery."""

    def __init__(self, portal_id: int, clock: Clock, deliveries: Deliveries, grants: Grants, options: Options) -> None:
        self._portal_id, self._clock, self._deliveries = portal_id, clock, deliveries
        self._grants, self._options = grants, options
        self._random = random.Random(11)
        self.reset()

    def __getstate__(self) -> dict[str, Any]:
        """What waits for the loop belongs to the process."""
        return {**vars(self), "_waiting": defaultdict(list), "_scheduled": set()}

    def reset(self) -> None:
        """Forget apps and events."""
        self.apps: dict[int, App] = {}
        self._next_subscription = 1_000
        self._waiting: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._scheduled: set[int] = set()

    def app(self, number: int) -> App:
        """An app's settings, empty at first."""
        return self.apps.setdefault(number, App(number))

    def next_subscription(self) -> int:
        """An id."""
        self._next_subscription += 1
        return self._next_subscription

    def tell(self, kind: Kind, event: str, number: int, actor: Actor, **more: Any) -> None:
        """Queue an event for every app that wants it."""
        for app in self.apps.values():
            if app.target is None:
                continue
            for each in app:
                if each.wants(kind, event, more.get("propertyName")):
                    body = self._event(app, each.id, each.event_type, number, actor, more)
                    if each.event_type.startswith("object."):
                        body["objectTypeId"] = kind.type_id
                    self._waiting[app.id].append(body)
            self._schedule(app.id)

    def _event(
        self, app: App, subscription: int, event_type: str, number: int, actor: Actor, more: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "eventId": self._random.randrange(1, 2**32), "subscriptionId": subscription, "portalId": self._portal_id,
            "appId": app.id, "occurredAt": int(self._clock.time() * 1000), "subscriptionType": event_type,
            "attemptNumber": 0, "objectId": number, "changeSource": actor.source,
            **({"sourceId": actor.id} if actor.id else {}), **more,
        }  # fmt: skip

    def _schedule(self, app_id: int) -> None:
        if len(self._waiting[app_id]) >= _MOST:
            self._flush(app_id)
        elif self._waiting[app_id] and app_id not in self._scheduled:
            self._scheduled.add(app_id)
            asyncio.get_running_loop().call_later(self._options.webhook_batch_seconds, self._flush, app_id)

    def _flush(self, app_id: int) -> None:
        self._scheduled.discard(app_id)
        waiting, app = self._waiting.pop(app_id, []), self.apps.get(app_id)
        if app is None or app.target is None:
            return
        for start in range(0, len(waiting), _MOST):
            self._deliveries.send(self._delivery(app.target, waiting[start : start + _MOST]))

    def _delivery(self, url: str, events: list[dict[str, Any]]) -> Delivery:
        def build(attempt: int) -> tuple[bytes, dict[str, str]]:
            body = orjson.dumps([{**each, "attemptNumber": attempt} for each in events])
            return body, self._headers(url, body)

        types = sorted({each["subscriptionType"] for each in events})
        return Delivery(url, build, {"events": len(events), "types": types})

    def _headers(self, url: str, body: bytes) -> dict[str, str]:
        client = self._grants.clients.get(self._options.app_client_id)
        secret = client.secret if client else ""
        headers = {"Content-Type": "application/json", "User-Agent": "HubSpot Connect 2.0 (simulated)"}
        for version in self._options.signatures:
            if version == "v1":
                headers |= {"X-HubSpot-Signature": signatures.v1(secret, body), "X-HubSpot-Signature-Version": "v1"}
            if version == "v2":
                signature = signatures.v2(secret, "POST", url, body)
                headers |= {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v2"}
            if version == "v3":
                # Real time, not the simulator's: the receiver compares it with its own clock.
                stamp = str(int((time.time() + self._options.signature_skew) * 1000))
                headers["X-HubSpot-Request-Timestamp"] = stamp
                headers["X-HubSpot-Signature-v3"] = signatures.v3(secret, "POST", url, body, stamp)
        return headers
