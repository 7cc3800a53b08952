"""What the gateway reads from the environment."""

from pydantic import Field

from hub.grants import OAuthApps
from hub.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """The common settings, and the gateway's own."""

    key_cache_seconds: float = Field(
        default=3.0,
        gt=0,
        le=60,
        description="How long the gateway may use an API key without asking the database again.",
    )
    connection_cache_seconds: float = Field(
        default=2.0, gt=0, le=60, description="How often the gateway looks for changed CRM connections."
    )
    connection_stale_seconds: float = Field(
        default=600.0, ge=0, description="How long webhooks are verified with known secrets while the database is away."
    )
    trusted_proxies: str = Field(
        default="", description="Networks (CIDR, comma-separated) of proxies whose X-Forwarded-For is believed."
    )
    session_hours: float = Field(default=12.0, gt=0, le=168, description="How long a browser stays signed in.")
    session_secure: bool = Field(
        default=False, description="Send the session cookie over TLS only. Set it wherever the hub has TLS in front."
    )
    feed_seconds: float = Field(default=0.4, gt=0, description="How often the live feed looks for new audit entries.")
    panel_seconds: float = Field(default=2.0, gt=0, description="How often the live dashboard's figures are read.")
    feed_listeners: int = Field(default=200, ge=1, description="Most open live feeds of one process.")
    import_max_records: int = Field(default=1_000_000, ge=1, description="Most records of one NDJSON or CSV import.")
    import_max_bytes: int = Field(default=2**30, ge=1, description="Largest NDJSON or CSV import, in bytes.")
    import_keep_days: float = Field(
        default=90, gt=0, description="Days that imports and the records refused in them are kept."
    )
    public_url: str = Field(
        default="",
        description="The gateway's address as the world knows it, `https://hub.example.com`: webhook addresses and"
        " signatures are made with it. Without it, the address that a request was sent to.",
    )
    oauth_redirect_uris: str = Field(
        default="https://mypremierplans.com/crm/callback",
        description="Where CRMs may send a browser back to (comma-separated, compared exactly), beside the gateway's"
        " own `/api/v1/crm/oauth/callback` under HUB_PUBLIC_URL.",
    )
    oauth_attempt_seconds: float = Field(
        default=600.0,
        gt=0,
        le=3600,
        description="How long an authorisation may take, from its address to the callback.",
    )
    crm_test_seconds: float = Field(
        default=15.0,
        gt=0,
        le=60,
        description="How long trying a CRM connection may take, and each call to its OAuth server.",
    )
    oauth_apps: OAuthApps = Field(default_factory=OAuthApps)
    read_seconds: float = Field(
        default=8.0, gt=0, description="How long a read may take before it is answered with 503."
    )
