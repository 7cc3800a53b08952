"""docs/events.md: the catalogue, who says and hears what, and how an internal system publishes."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from hub.contracts.cloudevents import CONTENT_TYPE
from hub.contracts.events import CATALOGUE, LEAD_RECEIVED
from hub.contracts.topology import EXCHANGE, QUEUES

_HEAD = f"""\
# Events

Everything that happens is a [CloudEvent](https://cloudevents.io) on the bus. This page is generated from
`hub.contracts.events` and `hub.contracts.topology` (`make docs`); [asyncapi.yaml](asyncapi.yaml) has the full schemas,
and `shared/tests/golden/` an example of each.

Events are past tense and versioned. A version only ever gains optional fields; consumers ignore what they do not know.
Messages are batches (`{CONTENT_TYPE}`, a JSON array of events of one type) on the topic exchange `{EXCHANGE}`; the
routing key is the type. Each service has one durable queue; what it gives up on is kept in `<queue>.dead`.

## Who says and hears what

"""

_INTERNAL = f"""
## Publishing straight to the bus

A system inside the house may publish `{LEAD_RECEIVED}` and `mpp.enrollment.received.v1` itself, without HTTP:
to the exchange `{EXCHANGE}`, routing key = type, persistent, with publisher confirms. One event (content type
`application/cloudevents+json`) or a JSON array of them (`{CONTENT_TYPE}`) are both fine. Set `origin.kind` to `bus` and
`origin.source` to the system's name: it becomes part of each value's provenance. `id` must be a UUID of its own for
each fact; sending it twice is harmless. What cannot be read goes to `mpp.transformer.dead` (`hubctl dead list`); a
record with values that no lead can hold is answered by `mpp.lead.rejected.v1` and listed in the audit trail.

```python
import json, uuid
import pika  # any AMQP client

channel = pika.BlockingConnection(pika.URLParameters("amqp://...")).channel()
channel.confirm_delivery()
event = {{
    "specversion": "1.0",
    "id": str(uuid.uuid4()),
    "source": "quoting",
    "accountid": "1",
    "type": "{LEAD_RECEIVED}",
    "subject": "quote/77",
    "data": {{
        "origin": {{"kind": "bus", "source": "quoting"}},
        "actor": {{"user": "quoting"}},
        "external_id": "Q-77",
        "fields": {{"first_name": "Jane", "email": "jane@example.com", "custom_fields": {{"plan": "Gold"}}}},
    }},
}}
properties = pika.BasicProperties(content_type="application/cloudevents+json", delivery_mode=2)
channel.basic_publish("{EXCHANGE}", event["type"], json.dumps(event), properties, mandatory=True)
```

On the embedded bus (PostgreSQL) use the HTTP API, or `hub.bus.open_bus`.

## The data of each event
"""


def events_page() -> str:
    """docs/events.md."""
    return _HEAD + "\n".join(_table()) + "\n" + _INTERNAL + "\n".join(_details()) + "\n"


def _table() -> Iterator[str]:
    yield "| Event | Meaning | Published by | Heard by |"
    yield "|---|---|---|---|"
    for kind, spec in CATALOGUE.items():
        hears = ", ".join(queue.name.removeprefix("mpp.") for queue in QUEUES if kind in queue.binds)
        yield f"| `{kind}` | {_first_line(spec.data)} | {', '.join(spec.published_by)} | {hears} |"


def _details() -> Iterator[str]:
    for kind, spec in CATALOGUE.items():
        yield f"\n### `{kind}`\n"
        yield f"{' '.join((spec.data.__doc__ or '').split())}\n"
        yield "| Field | Type | |"
        yield "|---|---|---|"
        schema = spec.data.model_json_schema(by_alias=True)
        for name, field in schema["properties"].items():
            needed = "required" if name in schema.get("required", []) else ""
            notes = "; ".join(part for part in (needed, field.get("description", "")) if part)
            yield f"| `{name}` | {_type(field)} | {notes} |"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return str(field.get("type", "any"))


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
