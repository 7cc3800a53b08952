"""The hub as an OAuth client of each vendor: one registration per deployment, from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.contracts.grants import OAuthApp


class OAuthApps(BaseSettings):
    """What gateway (connecting) and sync-worker (refreshing, calling) read about vendors."""

    model_config = SettingsConfigDict(env_prefix="HUB_", frozen=True, extra="ignore")

    oauth_salesforce_client_id: str = Field(default="", description="The hub's connected app in Salesforce.")
    oauth_salesforce_client_secret: str = Field(default="", repr=False, description="Its secret.")
    oauth_hubspot_client_id: str = Field(default="", description="The hub's app in HubSpot.")
    oauth_hubspot_client_secret: str = Field(
        default="", repr=False, description="Its secret; HubSpot's webhooks are signed with it."
    )
    oauth_pipedrive_client_id: str = Field(default="", description="The hub's app in Pipedrive.")
    oauth_pipedrive_client_secret: str = Field(default="", repr=False, description="Its secret.")
    salesforce_login_url: str = Field(
        default="https://login.salesforce.com", description="Where Salesforce's users log in."
    )
    salesforce_domains: str = Field(
        default=".salesforce.com,.force.com",
        description="Ends of host names that Salesforce tokens may be sent to. `http://127.0.0.1` allows a simulator.",
    )
    hubspot_app_url: str = Field(default="https://app.hubspot.com", description="Where HubSpot's users log in.")
    hubspot_api_url: str = Field(default="https://api.hubapi.com", description="HubSpot's API.")
    pipedrive_oauth_url: str = Field(
        default="https://oauth.pipedrive.com", description="Where Pipedrive's users log in."
    )
    pipedrive_api_url: str = Field(default="https://api.pipedrive.com", description="Pipedrive's API, for API tokens.")
    pipedrive_domains: str = Field(
        default=".pipedrive.com",
        description="Ends of host names that Pipedrive tokens may be sent to. `http://127.0.0.1` allows a simulator.",
    )

    def of(self, crm_type: str) -> OAuthApp | None:
        """The app and hosts of a vendor; None for CRMs that the configuration alone names.

        ``client_id`` is empty where the deployment registered none: API keys work all the same.
        """
        if crm_type == "salesforce":
            return self._app(crm_type, {"login": self.salesforce_login_url}, self.salesforce_domains)
        if crm_type == "hubspot":
            return self._app(crm_type, {"app": self.hubspot_app_url, "api": self.hubspot_api_url}, "")
        if crm_type == "pipedrive":
            hosts = {"oauth": self.pipedrive_oauth_url, "api": self.pipedrive_api_url}
            return self._app(crm_type, hosts, self.pipedrive_domains)
        return None

    def _app(self, crm_type: str, hosts: dict[str, str], domains: str) -> OAuthApp:
        return OAuthApp(
            client_id=getattr(self, f"oauth_{crm_type}_client_id"),
            client_secret=getattr(self, f"oauth_{crm_type}_client_secret"),
            hosts={name: url.strip().rstrip("/") for name, url in hosts.items()},
            domains=tuple(part.strip() for part in domains.split(",") if part.strip()),
        )
