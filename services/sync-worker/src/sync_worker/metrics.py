"""What sync-worker measures."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

PUSHES = Counter("hub_sync_pushes_total", "Leads written to a CRM, or not, by outcome.", ["crm_type", "outcome"])
CALLS = Counter("hub_sync_push_batches_total", "Batches of leads handed to a connector.", ["crm_type"])
PUSH_SECONDS = Histogram("hub_sync_push_seconds", "Time of one writing call.", ["crm_type"], buckets=_SECONDS)
LAG_SECONDS = Histogram(
    "hub_sync_lag_seconds", "From hearing of a change to the CRM having it.", ["crm_type"], buckets=_SECONDS
)
SKIPPED = Counter("hub_sync_unchanged_total", "Leads that a CRM had already.", ["crm_type"])
IN_HAND = Gauge("hub_sync_in_hand", "Leads claimed and not settled yet.")
LANES = Gauge("hub_sync_connections_active", "Connections being worked.")
OUTAGES = Counter("hub_sync_outages_total", "Times a CRM was found to be down.", ["crm_type"])
REFUSED_KEYS = Counter("hub_sync_needs_reauth_total", "Times a CRM refused a connection's credentials.", ["crm_type"])
READ_RECORDS = Counter("hub_sync_read_records_total", "Records read from CRMs.", ["crm_type", "kind"])
READ_SECONDS = Histogram(
    "hub_sync_read_seconds", "Time of one run.", ["crm_type", "outcome"], buckets=(*_SECONDS, 3600)
)
READING = Gauge("hub_sync_runs_active", "Runs being carried out.")
DRIFT = Gauge(
    "hub_sync_drift", "Fields of a CRM that are not what the mapping takes them for.", ["crm_type", "connection"]
)
QUOTA_WAIT_SECONDS = Histogram(
    "hub_sync_quota_wait_seconds",
    "How long calls waited for their turn in a CRM's quota.",
    ["priority"],
    buckets=_SECONDS,
)
QUOTA_REFUSED = Counter("hub_sync_quota_refused_total", "Calls put off for want of quota, by window.", ["window"])
REFRESHES = Counter("hub_sync_token_refreshes_total", "Tokens refreshed, by outcome.", ["crm_type", "outcome"])


def count_refresh(crm_type: str, outcome: str) -> None:
    """One more refresh."""
    REFRESHES.labels(crm_type, outcome).inc()
