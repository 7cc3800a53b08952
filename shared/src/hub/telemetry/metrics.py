"""Every metric of the services, declared once. The bus's own stand in ``hub.bus.metrics``."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from hub.telemetry.requests import RequestTallies

BUILD = Gauge("hub_service_up", "1 while the service runs.", ["service"])
HTTP = RequestTallies()  # hub_http_requests_total{route,method,status}, hub_http_request_seconds{route}
REGISTRY.register(HTTP)
AUDIT_ENTRIES = Counter("hub_audit_entries_total", "Events that reached the audit trail.", ["outcome"])
WEBHOOK_ATTEMPTS = Counter(
    "hub_webhook_attempts_total", "Attempts to deliver a webhook, by what came of them.", ["outcome"]
)
WEBHOOK_SECONDS = Histogram(
    "hub_webhook_attempt_seconds",
    "Time a subscriber took to answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
WEBHOOK_IN_HAND = Gauge("hub_webhook_in_hand", "Deliveries this process has claimed and not finished.")
