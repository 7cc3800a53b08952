"""The variables of sync-worker."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from hub.grants import OAuthApps
from hub.settings import ServiceSettings


class SyncWorkerSettings(ServiceSettings):
    """What sync-worker reads from the environment, beside what every service reads."""

    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore")

    sync_concurrency: int = Field(default=16, ge=1, le=256, description="Calls in flight to one CRM connection.")
    sync_claim_size: int = Field(
        default=200, ge=1, le=2000, description="Leads in hand at a time for a CRM that takes one a call."
    )
    sync_call_seconds: float = Field(default=10.0, gt=0, description="How long one call to a CRM may take.")
    sync_batch_seconds: float = Field(
        default=30.0, gt=0, description="How long one call may take to a CRM that takes many leads at once."
    )
    sync_lease_seconds: float = Field(
        default=30.0, gt=0, description="How long a claim lasts; after a crash its leads wait this long."
    )
    sync_poll_seconds: float = Field(
        default=1.0, gt=0, description="How often to look for leads whose time has come, beside being told."
    )
    sync_outage_seconds: float = Field(
        default=15.0, gt=0, description="Longest pause between two looks at a CRM that is down."
    )
    sync_runs: int = Field(
        default=4, ge=1, le=64, description="Readings of CRMs that one process carries out at a time."
    )
    oauth_apps: OAuthApps = Field(default_factory=OAuthApps)
