"""The gateway's own metrics; requests are counted in ``hub.telemetry.metrics``."""

from prometheus_client import Counter

STRAY_RECORDS = Counter(
    "hub_webhook_stray_records_total",
    "Records in webhooks to an app of the hub's that were for no connection, by reason.",
    ["crm_type", "reason"],
)
