"""The audit service's variables."""

from pydantic import Field

from hub.settings import ServiceSettings


class AuditSettings(ServiceSettings):
    """What the audit service reads from the environment."""

    audit_concurrency: int = Field(default=2, ge=1, le=16, description="Batches that one process records at a time.")
