"""What is fixed when the simulator starts."""

from dataclasses import dataclass, field

from simulators.hubspot.options import Options


@dataclass(frozen=True, slots=True)
class Settings:
    """``options`` are those of the start, to which a reset returns."""

    portal_id: int = 12_345_678
    private_tokens: tuple[str, ...] = ("pat-na1-hub",)
    developer_key: str = "hub-developer-key"
    public_url: str | None = None  # in paging links; else as called
    rotate_refresh_tokens: bool = False
    retry_scale: float = 1.0
    webhook_deadline: float | None = None  # seconds; HubSpot's five unless told
    options: Options = field(default_factory=Options)
