"""Switches for what HubSpot leaves open, or does only to some."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True)
class Options:
    """Set by ``/control/options``; see docs/simulators/hubspot.md."""

    search_lag: float = 0.0  # seconds until a write shows in search
    enforce_scopes: bool = True
    batch_errors: str = "trace"  # trace: rows fail alone if each names a trace id; rows: always; whole: never
    duplicate_keys: str = "refuse"  # the same key twice in a batch: refuse the batch, or allow
    shuffle_results: bool = False  # batch answers come in another order than the rows
    merge_creates_new: bool = False  # a merge leaves a third record instead of the primary
    lifecycle_forward_only: bool = False  # lifecyclestage ignores steps back, as the real one does unless cleared
    signatures: tuple[str, ...] = ("v1", "v3")  # which a webhook carries
    signature_skew: float = 0.0  # seconds that the timestamp of signature v3 is off
    webhook_batch_seconds: float = 0.05  # how long events are gathered into one delivery
    app_client_id: str = "hub-client"  # whose secret signs webhooks

    def change(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Set options by name; those in force. Raises ValueError."""
        unknown = set(wish) - {each.name for each in fields(self)}
        if unknown:
            raise ValueError(f"no such option: {', '.join(sorted(unknown))}")
        for name, value in wish.items():
            kind = type(getattr(self, name))
            setattr(self, name, kind(value))
        return asdict(self)
