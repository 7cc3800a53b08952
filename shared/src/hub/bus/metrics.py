"""The bus's metrics, declared once. They are touched per message or batch, never per event."""

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED = Counter("hub_bus_published_events_total", "Events the broker has confirmed.", ["type"])
PUBLISH_FAILED = Counter("hub_bus_publish_failed_events_total", "Events that were refused to their caller.", ["type"])
PUBLISH_SECONDS = Histogram(
    "hub_bus_publish_seconds",
    "From handing a message to the broker to its confirm.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
MESSAGE_EVENTS = Histogram(
    "hub_bus_message_events", "Events that shared a published message.", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
CONSUMED = Counter("hub_bus_consumed_events_total", "Events settled, by what became of them.", ["queue", "outcome"])
BATCH_EVENTS = Histogram(
    "hub_bus_batch_events",
    "Events handed to a handler at once.",
    ["queue"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
HANDLE_SECONDS = Histogram(
    "hub_bus_handle_seconds",
    "Time to handle and settle a batch.",
    ["queue"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
HELD = Counter("hub_bus_held_batches_total", "Times a batch was kept in hand because a dependency was away.", ["queue"])
BRAKED = Gauge("hub_bus_braked", "1 while the dead-letter brake holds consumption.", ["queue"])
RECONNECTS = Counter("hub_bus_reconnects_total", "Connections to the broker that were lost and made again.")
