"""How much a lane takes in hand, and how long things may last."""

from dataclasses import dataclass, replace

from sync_worker.adapters.lines import Line
from sync_worker.settings import SyncWorkerSettings


@dataclass(frozen=True, slots=True)
class Pace:
    """Numbers of leads and calls; times in seconds."""

    concurrency: int  # calls in flight
    claim_size: int  # leads in hand, those of a bulk job apart
    call: float  # one call
    batch_call: float  # one that carries many
    lease: float
    outage: float
    batch: int = 1  # leads of one call
    job: int = 0  # leads of one bulk job …
    job_from: int | None = None  # … which is worth while from so many on

    @staticmethod
    def of(settings: SyncWorkerSettings) -> "Pace":
        """From the settings. A lease outlasts a look-up and a write, or nothing could ever be sent under it."""
        call = settings.sync_call_seconds
        lease = max(settings.sync_lease_seconds, 3 * call)
        size = settings.sync_claim_size
        return Pace(
            settings.sync_concurrency, size, call, settings.sync_batch_seconds, lease, settings.sync_outage_seconds
        )

    def for_line(self, line: Line) -> "Pace":
        """As the CRM and the connection's configuration want it."""
        manifest, options = line.connector.manifest, line.options
        concurrency = options.concurrency(manifest, self.concurrency)
        batch = manifest.push_batch
        if batch == 1:
            return replace(self, concurrency=concurrency)
        return replace(
            self,
            concurrency=concurrency,
            claim_size=(concurrency + 1) * batch,
            call=max(self.call, self.batch_call),
            batch=batch,
            job=manifest.bulk_batch,
            job_from=options.threshold(manifest),
        )

    @property
    def step(self) -> int:
        """Room for so many leads is worth a claim."""
        return max(1, self.claim_size // 2) if self.batch == 1 else self.batch
