"""What a connection's configuration says about pushing and quota. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.contracts.connector import Manifest

_BATCHES_IN_FLIGHT = 4  # for CRMs that take batches: more would get in each other's way (row locks) and gain nothing


class Options(BaseModel):
    """The keys of the configuration; None: as the connector or the service has it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    quota_reserve: float = Field(default=0.2, ge=0, le=0.9)  # the part of reserved windows left to the customer
    bulk_threshold: int | None = Field(default=None, ge=1, le=1_000_000)  # leads due at once that make a bulk job
    push_concurrency: int | None = Field(default=None, ge=1, le=64)  # calls in flight

    def threshold(self, manifest: Manifest) -> int | None:
        """From how many due leads on a bulk job is used; None: never."""
        return (self.bulk_threshold or manifest.bulk_threshold) if manifest.bulk_batch > 0 else None

    def concurrency(self, manifest: Manifest, usual: int) -> int:
        """Calls of ``push`` in flight."""
        return self.push_concurrency or (usual if manifest.push_batch == 1 else min(usual, _BATCHES_IN_FLIGHT))


def read_options(config: Mapping[str, Any]) -> Options:
    """The options; one that cannot be read gives way to its default, and does not take the others with it."""
    told = {name: config[name] for name in Options.model_fields if name in config}
    while True:
        try:
            return Options.model_validate(told)
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                told.pop(str(problem["loc"][0]), None)
