"""The AsyncAPI 3 document of the bus, from the event catalogue and the topology.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0 and its AMQP binding 0.3.0.
"""

from typing import Any

from pydantic.json_schema import models_json_schema

from hub.contracts.cloudevents import CONTENT_TYPE, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES
from hub.contracts.compression import ENCODING, MAX_PLAIN_BYTES
from hub.contracts.events import CATALOGUE, EventType
from hub.contracts.topology import EXCHANGE, QUEUES

_BATCH = f"""\
A message body is a JSON array of CloudEvents 1.0 (`{CONTENT_TYPE}`), all of one type, at most {MAX_BATCH_EVENTS} events
and {MAX_BATCH_BYTES:,} bytes; one event is at most {MAX_EVENT_BYTES:,} bytes. A single event in structured mode
(`application/cloudevents+json`) is accepted too. The routing key is the event's type. Publish with confirms:
an event is the hub's only once the broker has confirmed it. Delivery is at least once; `id` tells repetitions.
The hub compresses large bodies (`content-encoding: {ENCODING}`, Zstandard); whoever listens unpacks those. Bodies that
you publish may be plain or compressed alike, up to {MAX_PLAIN_BYTES:,} bytes unpacked."""

_ENVELOPE: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "format": "uuid", "description": "UUIDv7; the same id is the same event."},
    "source": {"type": "string", "description": "Who says so: a service, or your system's name."},
    "subject": {"type": "string", "description": "What it is about: `lead/123`, `import/<id>`."},
    "time": {"type": "string", "format": "date-time"},
    "accountid": {"type": "string", "pattern": "^[0-9]{1,18}$", "description": "The account it belongs to."},
    "datacontenttype": {"const": "application/json"},
    "causationid": {"type": "string", "description": "The event that led to this one."},
    "traceparent": {"type": "string", "description": "W3C trace context."},
}
_REQUIRED = ["specversion", "id", "source", "type", "accountid", "data"]


def asyncapi(version: str = "1.0.0") -> dict[str, Any]:
    """The document. Message names are event types; schemas are the pydantic models'."""
    models = [(spec.data, "validation") for spec in CATALOGUE.values()]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}", by_alias=True)  # type: ignore[arg-type]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CRM hub events",
            "version": version,
            "description": _BATCH,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "rabbitmq": {
                "host": "{host}:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "variables": {"host": {"default": "rabbitmq", "description": "The broker of the deployment."}},
            }
        },
        "channels": {kind: _channel(spec) for kind, spec in CATALOGUE.items()},
        "operations": _operations(),
        "components": {
            "schemas": schemas["$defs"],
            "messages": {kind: _message(spec) for kind, spec in CATALOGUE.items()},
        },
    }


def _channel(spec: EventType) -> dict[str, Any]:
    return {
        "address": spec.type,
        "description": _doc(spec),
        "messages": {spec.type: {"$ref": f"#/components/messages/{spec.type}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _message(spec: EventType) -> dict[str, Any]:
    event = {
        "type": "object",
        "required": _REQUIRED,
        "properties": {
            **_ENVELOPE,
            "type": {"const": spec.type},
            "data": {"$ref": f"#/components/schemas/{spec.data.__name__}"},
        },
    }
    return {
        "name": spec.type,
        "title": spec.data.__name__,
        "summary": _doc(spec),
        "contentType": CONTENT_TYPE,
        "payload": {"type": "array", "minItems": 1, "maxItems": MAX_BATCH_EVENTS, "items": event},
    }


def _operations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, spec in CATALOGUE.items():
        for publisher in spec.published_by:
            found[f"{publisher.replace(' ', '-')}.publishes.{kind}"] = _operation(
                "send", kind, f"{publisher} publishes it."
            )
    for queue in QUEUES:
        for kind in queue.binds:
            operation = _operation("receive", kind, f"Queue `{queue.name}`; dead letters in `{queue.dead}`.")
            found[f"{queue.name.removeprefix('mpp.')}.hears.{kind}"] = operation
    return found


def _operation(action: str, kind: str, summary: str) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{kind}"}
    return {
        "action": action,
        "channel": channel,
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{kind}/messages/{kind}"}],
    }


def _doc(spec: EventType) -> str:
    return (spec.data.__doc__ or "").strip().splitlines()[0]
