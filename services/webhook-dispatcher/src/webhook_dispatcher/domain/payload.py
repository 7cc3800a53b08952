"""The public body of an event: ``{"event", "id", "timestamp", "data"}``. ``data`` is the lead, and what happened to it.

Nothing of the hub's inside goes out: no actors, no addresses, no import ids.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from hub.contracts import events as e
from hub.contracts.cloudevents import Event
from webhook_dispatcher.domain.delivery import Payload

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


class Undeliverable(Exception):
    """The event is not what its type promises, so it cannot be shown to subscribers."""


def payload_of(event: Event) -> Payload:
    """The body for an event's subscribers. Raises Undeliverable, which says what is wrong with the event."""
    name, data = PUBLIC_EVENTS[event.type]
    if not _UUID.match(event.id):
        raise Undeliverable("the event id is not a UUID")
    try:
        public = {"event": name, "id": event.id, "timestamp": event.time, "data": data(event.data)}
        body = orjson.dumps(public)
    except (KeyError, TypeError, AttributeError) as error:
        raise Undeliverable(f"{type(error).__name__}: {error}") from error
    return Payload(event.account_id, event.id, name, body, event.traceparent)


def _lead(data: Mapping[str, Any]) -> dict[str, Any]:
    lead, origin = data["lead"], data.get("origin") or {}
    # The origin lets a CRM that subscribes recognise changes which it made itself.
    return {
        **lead,
        "fields_changed": data.get("fields_changed", []),
        "origin": {name: origin[name] for name in ("kind", "source") if name in origin},
    }


def _updated(data: Mapping[str, Any]) -> dict[str, Any]:
    changes = [
        {"field": change["field"], "from": change.get("from"), "to": change.get("to")} for change in data["changes"]
    ]
    return {**_lead(data), "changes": changes}


def _enrolled(data: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: data.get(name) for name in ("plan", "effective_date", "premium", "details")}
    return {**data["lead"], "enrollment": {"id": data["enrollment_id"], **told}}


# Event type: (its public name, which subscriptions list; what its data look like outside).
PUBLIC_EVENTS: dict[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    e.LEAD_CREATED: ("lead.created", _lead),
    e.LEAD_UPDATED: ("lead.updated", _updated),
    e.ENROLLMENT_COMPLETED: ("enrollment.completed", _enrolled),
}
