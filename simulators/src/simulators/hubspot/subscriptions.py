"""What an app wants to be told of, and where."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from simulators.hubspot.catalogue import Kind
from simulators.hubspot.errors import HubSpotRefused, invalid_json, not_found, validation
from simulators.hubspot.times import iso

MOST = 1_000
_EVENTS = ("creation", "deletion", "merge", "restore", "propertyChange", "associationChange")
_OBJECTS = ("contact", "company", "deal", "ticket", "product", "line_item", "object")
TYPES = (
    *(f"{each}.{event}" for each in _OBJECTS for event in _EVENTS),
    "contact.privacyDeletion",
    *(f"conversation.{event}" for event in ("creation", "deletion", "newMessage", "privacyDeletion", "propertyChange")),
    "event.completed",
)
_UNSUBSCRIBABLE = ("hs_lastmodifieddate", "num_unique_conversion_events")


@dataclass(slots=True)
class Subscription:
    """One kind of event."""

    id: int
    event_type: str
    property_name: str | None
    object_type_id: str | None
    active: bool
    created: int
    updated: int

    def wants(self, kind: Kind, event: str, property_name: str | None) -> bool:
        """Whether an event is of this kind."""
        general = self.event_type == f"object.{event}" and self.object_type_id in (None, kind.type_id)
        if not self.active or not (general or self.event_type == f"{kind.singular}.{event}"):
            return False
        return event != "propertyChange" or self.property_name in (property_name, None)

    def document(self) -> dict[str, Any]:
        """As the API tells it."""
        body: dict[str, Any] = {
            "id": str(self.id), "eventType": self.event_type, "active": self.active, "createdAt": iso(self.created),
            "updatedAt": iso(self.updated),
        }  # fmt: skip
        if self.property_name:
            body["propertyName"] = self.property_name
        if self.object_type_id:
            body["objectTypeId"] = self.object_type_id
        return body


@dataclass(slots=True)
class App:
    """One app's webhook settings. ``target``: None until set."""

    id: int
    target: str | None = None
    concurrent: int = 10
    created: int = 0
    updated: int = 0
    subscriptions: dict[int, Subscription] = field(default_factory=dict)

    def point(self, wish: Any, now: int) -> None:
        """Set where deliveries go. Raises HubSpotRefused."""
        target = wish.get("targetUrl") if isinstance(wish, Mapping) else None
        throttling = wish.get("throttling") if isinstance(wish, Mapping) else None
        concurrent = throttling.get("maxConcurrentRequests") if isinstance(throttling, dict) else self.concurrent
        if not isinstance(target, str) or not _acceptable(target):
            raise validation("targetUrl must be a valid https URL")
        if not isinstance(concurrent, int) or concurrent < 5:
            raise validation("maxConcurrentRequests must be at least 5")
        self.created = self.created or now
        self.target, self.concurrent, self.updated = target, concurrent, now

    def settings(self) -> dict[str, Any]:
        """As the API tells them. Raises HubSpotRefused (404)."""
        if self.target is None:
            raise not_found(f"No webhook settings found for app {self.id}")
        return {
            "targetUrl": self.target, "throttling": {"maxConcurrentRequests": self.concurrent},
            "createdAt": iso(self.created), "updatedAt": iso(self.updated),
        }  # fmt: skip

    def subscribe(self, wish: Any, number: int, now: int) -> Subscription:
        """Add a subscription. Raises HubSpotRefused."""
        event = wish.get("eventType") if isinstance(wish, Mapping) else None
        if event not in TYPES:
            raise invalid_json(f"Enum eventType must be one of: [{', '.join(TYPES)}]")
        name, type_id = wish.get("propertyName"), wish.get("objectTypeId")
        if event.endswith(".propertyChange") and not name:
            raise validation("propertyName is required for propertyChange subscriptions")
        if name in _UNSUBSCRIBABLE:
            raise validation(f"Cannot subscribe to changes of {name}")
        if event.startswith("object.") and not type_id:
            raise validation("objectTypeId is required for object subscriptions")
        same = (event, name, type_id)
        if any((each.event_type, each.property_name, each.object_type_id) == same for each in self):
            raise HubSpotRefused(409, "CONFLICT", "A subscription for this event already exists")
        if len(self.subscriptions) >= MOST:
            raise validation(f"An app may have at most {MOST} subscriptions")
        made = Subscription(number, event, name, type_id, wish.get("active") is True, now, now)
        self.subscriptions[number] = made
        return made

    def get(self, number: str) -> Subscription:
        """A subscription. Raises HubSpotRefused (404)."""
        found = self.subscriptions.get(int(number)) if number.isascii() and number.isdigit() else None
        if found is None:
            raise not_found(f"No subscription {number} for app {self.id}")
        return found

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self.subscriptions.values())


def _acceptable(url: str) -> bool:
    """https, or http to this machine, which the real HubSpot would not take."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    local = host in ("localhost", "::1") or host.startswith("127.")
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and local))
