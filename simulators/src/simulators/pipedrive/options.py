"""What can be chosen about the simulated company."""

from dataclasses import dataclass

PLANS = {"lite": (1, 20), "growth": (2, 40), "premium": (5, 100), "ultimate": (7, 120)}  # budget factor, burst
TOKENS_PER_SEAT = 30_000
OAUTH_FACTOR = 4  # an OAuth app may burst four times as high as an API token
ALL_SCOPES = (
    "base,deals:full,contacts:full,leads:full,search:read,webhooks:full,users:read,deal-fields:full,contact-fields:full"
)


@dataclass(frozen=True, slots=True)
class Options:
    """Where public documentation is silent, the most likely behaviour is the default and the other is an option.

    ``api_token``: the static token of the company's first user. ``public_url``: where clients reach this server, if not
    as their ``Host`` header says. ``rotate``: a refresh gives a new refresh token. ``plain_oauth_errors``:
    ``{"error", "error_description"}`` instead of Pipedrive's envelope. ``nested_pagination``: v1 lists put their paging
    into ``additional_data.pagination``. ``retry_after``: 429 tells when to come back. ``deleted_visible``: GET of a
    record deleted less than 30 days ago shows it, instead of 404. ``https_webhooks``: only https (or this machine).
    """

    api_token: str = "pipedrive-api-token"  # noqa: S105 - a stand-in's default
    public_url: str | None = None
    company_domain: str = "company"
    company_id: int = 123
    plan: str = "growth"
    seats: int = 10
    scopes: str = ALL_SCOPES
    rotate: bool = False
    plain_oauth_errors: bool = False
    nested_pagination: bool = False
    retry_after: bool = False
    deleted_visible: bool = True
    https_webhooks: bool = True
    contact_sync: bool = False
    seed: int = 1
    retry_scale: float = 1.0

    @property
    def daily_tokens(self) -> int:
        """Tokens that the company may spend in a day."""
        return TOKENS_PER_SEAT * PLANS[self.plan][0] * self.seats
