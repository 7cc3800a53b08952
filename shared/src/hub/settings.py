"""Settings every service has. Each is an environment variable ``HUB_<NAME>``; docs/settings.md lists them."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """What all five services read from the environment."""

    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore")

    database_url: str = Field(description="PostgreSQL, `postgresql://user:password@host:port/database`.")
    bus_url: str = Field(
        default="",
        description="`amqp://…` for RabbitMQ; empty or `postgresql://…` for the embedded bus in that database.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    http_port: int = Field(default=0, ge=0, le=65535, description="Port of the API (gateway) or of health and metrics.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json` for machines, `console` for people."
    )
    db_pool_size: int = Field(default=6, ge=1, le=50, description="Most PostgreSQL connections of one process.")
    stop_seconds: float = Field(default=20.0, gt=0, description="How long a graceful stop may take.")
    keyring_file: str = Field(default="", description="File with the vault's key ring (JSON), or …")
    keyring: str = Field(default="", repr=False, description="… the key ring itself (JSON). One of the two is needed.")
    egress_allow: str = Field(
        default="", description="Networks (CIDR, comma-separated) that outgoing calls may reach although private."
    )

    @property
    def effective_bus_url(self) -> str:
        """The bus to use: the one named, else the embedded bus in the hub's database."""
        return self.bus_url or self.database_url
