"""The jobs and their states."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from simulators.kit.clock import Clock
from simulators.salesforce.errors import Refused, not_found
from simulators.salesforce.ids import full_id, made_id
from simulators.salesforce.rules import Actor
from simulators.salesforce.store import Record
from simulators.salesforce.times import told

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
FINAL = ("JobComplete", "Failed", "Aborted")
Kind = Literal["ingest", "query"]


@dataclass(slots=True)
class Job:
    """One job. ``done``, ``failed``, ``left``: rows of the results, as lists of cells."""

    id: str
    kind: Kind
    operation: str
    object: str
    state: str
    version: str
    actor: Actor
    created: str
    delimiter: str = "COMMA"
    ending: str = "LF"
    external: str | None = None
    query: str = ""
    data: bytes | None = None
    stamp: str = ""
    error: str | None = None
    header: list[str] = field(default_factory=list)
    done: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    left: list[list[str]] = field(default_factory=list)
    columns: list[Any] = field(default_factory=list)  # of a query: the fields
    found: list[Record] = field(default_factory=list)  # of a query: the records as they were when it ran
    milliseconds: int = 0
    retries: int = 0

    def told(self, *, full: bool) -> dict[str, Any]:
        """The job as the API tells it; ``full`` with its progress."""
        answer: dict[str, Any] = {
            "id": self.id, "operation": self.operation, "object": self.object, "createdById": self.actor.user,
            "createdDate": self.created, "systemModstamp": self.stamp or self.created, "state": self.state,
            "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(self.version),
            "lineEnding": self.ending, "columnDelimiter": self.delimiter,
        }  # fmt: skip
        if self.kind == "ingest":
            if self.external:
                answer["externalIdFieldName"] = self.external
            if self.state == "Open":
                # Without a slash at the beginning, as the real one.
                answer["contentUrl"] = f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"
        return answer | self._progress() if full else answer

    def _progress(self) -> dict[str, Any]:
        count = len(self.done) + len(self.failed) if self.kind == "ingest" else len(self.found)
        progress: dict[str, Any] = {
            "jobType": "V2Ingest" if self.kind == "ingest" else "V2Query", "numberRecordsProcessed": count,
            "retries": self.retries, "totalProcessingTime": self.milliseconds,
        }  # fmt: skip
        if self.kind == "ingest":
            progress |= {
                "numberRecordsFailed": len(self.failed), "apiActiveProcessingTime": self.milliseconds,
                "apexProcessingTime": 0,
            }  # fmt: skip
        if self.error:
            progress["errorMessage"] = self.error
        return progress


class Jobs:
    """All jobs, and the tasks that work on them. ``delay``: seconds of real time that each one takes at least."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = 0
        self.delay = 0.0
        self.page = 50_000  # rows of a query's result in one answer, unless told

    def __getstate__(self) -> dict[str, Any]:
        """Jobs and the work on them belong to the process."""
        return {**vars(self), "_jobs": {}, "_tasks": set()}

    def add(self, kind: Kind, operation: str, name: str, version: str, actor: Actor) -> Job:
        """A new job, open."""
        self._last += 1
        state = "Open" if kind == "ingest" else "UploadComplete"
        job = Job(made_id("750", self._last), kind, operation, name, state, version, actor, self._now())
        self._jobs[job.id] = job
        return job

    def find(self, kind: Kind, job_id: str) -> Job:
        """A job. Raises Refused (``NOT_FOUND``)."""
        job = self._jobs.get(full_id(job_id) or "")
        if job is None or job.kind != kind:
            raise not_found()
        return job

    def every(self, kind: Kind) -> Iterable[Job]:
        """All of a kind, newest first."""
        return [job for job in reversed(self._jobs.values()) if job.kind == kind]

    def move(self, job: Job, state: str, error: str | None = None) -> None:
        """Change a job's state."""
        job.state, job.stamp, job.error = state, self._now(), error

    def remove(self, job: Job) -> None:
        """Forget a job, which must have ended. Raises Refused."""
        if job.state not in FINAL and job.state != "Open":
            raise invalid_state(f"The job with id {job.id} is in the {job.state} state and cannot be deleted.")
        del self._jobs[job.id]

    def spawn(self, work: Any) -> None:
        """Work on a job beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Stop all work."""
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Forget all jobs."""
        for task in self._tasks:
            task.cancel()
        self._jobs.clear()
        self.delay, self.page = 0.0, 50_000

    def _now(self) -> str:
        return told(self._clock.now())


def invalid_state(message: str) -> Refused:
    """The job is not in a state for that."""
    return Refused("INVALIDJOBSTATE", message)
