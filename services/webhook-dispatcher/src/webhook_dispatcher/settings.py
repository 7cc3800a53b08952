"""The webhook dispatcher's variables."""

from typing import Self

from pydantic import Field, model_validator

from hub.settings import ServiceSettings


class DispatcherSettings(ServiceSettings):
    """What the webhook dispatcher reads from the environment."""

    webhook_concurrency: int = Field(default=128, ge=1, le=2000, description="Most webhooks in flight at a time.")
    webhook_per_subscription: int = Field(
        default=32,
        ge=1,
        le=500,
        description="Most webhooks in flight to one subscription; fewer if it struggles.",
    )
    webhook_timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a subscriber has to answer.")
    webhook_lease: float = Field(
        default=60.0, gt=0, description="Seconds after which another process takes over the webhooks of one that died."
    )
    webhook_poll: float = Field(default=1.0, gt=0, description="Seconds between looks for webhooks that are due.")
    webhook_schedule: tuple[float, ...] = Field(
        default=(5, 30, 120, 600, 3600, 18_000, 43_200, 86_400),
        description="Seconds to wait after each failed attempt (JSON list); after the last one it is given up on.",
    )
    webhook_keep_days: float = Field(default=30, gt=0, description="Days that deliveries and their log are kept.")

    @model_validator(mode="after")
    def _lease_outlives_an_attempt(self) -> Self:
        if self.webhook_lease < 2 * self.webhook_timeout:
            raise ValueError("webhook_lease must be at least twice webhook_timeout")
        return self
