"""How a call to a CRM can fail, in the hub's terms. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FailureKind(StrEnum):
    """Why a call did not succeed: the rows of the design document's error_handling table, and server faults."""

    RATE_LIMIT = "rate_limit"
    NETWORK = "network"
    AUTH = "auth"
    VALIDATION = "validation"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class RecordError:
    """What a CRM (or the road to it) said against one record. Never holds a secret."""

    code: str
    message: str
    field: str | None = None
    status: int | None = None
    attempted_value: str | None = None


class CrmFailure(Exception):
    """A call to a CRM failed. ``stored`` is False when the CRM surely kept nothing, None when nobody knows."""

    def __init__(
        self,
        kind: FailureKind,
        error: RecordError,
        retry_after: float | None = None,
        stored: bool | None = False,
        document: Any = None,
    ) -> None:
        """``retry_after`` in seconds, as the CRM told; ``document``: its answer, for the connector alone."""
        self.kind, self.error, self.retry_after, self.stored = kind, error, retry_after, stored
        self.document = document
        super().__init__(f"{error.code}: {error.message}")
