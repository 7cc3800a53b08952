"""``hubctl dead``: events that a service gave up on."""

from collections.abc import Sequence

import typer

from hub.contracts.cloudevents import MalformedMessage, decode_batch
from hub.contracts.topology import QUEUES, Queue
from hubctl.console import done, table
from hubctl.problems import Problem
from hubctl.session import bus, run_async

app = typer.Typer(help="Dead letters: kept until somebody looks.", no_args_is_help=True)
NAMES = {queue.name.removeprefix("mpp."): queue for queue in QUEUES}


def chosen(name: str) -> Sequence[Queue]:
    """The queue of that name, with or without ``mpp.``; all when it is empty."""
    if not name:
        return QUEUES
    queue = NAMES.get(name.removeprefix("mpp."))
    if queue is None:
        raise Problem(f"There is no queue {name!r}.", f"Queues: {', '.join(NAMES)}.")
    return (queue,)


@app.command("list")
@run_async
async def show(
    queue: str = typer.Option("", help="Only this queue's."),
    limit: int = typer.Option(50, min=1, help="At most so many of each queue."),
) -> None:
    """List dead letters, oldest first; they stay where they are."""
    rows = []
    async with bus() as line:
        for each in chosen(queue):
            for letter in await line.dead_letters(each, limit):
                kind, subject = _about(letter.body)
                rows.append((letter.id, each.name, kind, subject, letter.died_at, letter.reason))
    table(("id", "queue", "event", "subject", "died", "reason"), rows, empty="There are no dead letters.")


def _about(body: bytes) -> tuple[str, str]:
    try:
        events = decode_batch(body)
    except MalformedMessage:
        return "unreadable", "–"
    return (events[0].type, events[0].subject) if events else ("empty", "–")


@app.command("redrive")
@run_async
async def redrive(
    ids: list[str] = typer.Argument(None, help="Ids of dead letters; all of the queue unless given."),  # noqa: B008
    queue: str = typer.Option(..., help="The queue they died in."),
) -> None:
    """Put dead letters back into their queue, once what killed them is repaired."""
    (wanted,) = chosen(queue)
    async with bus() as line:
        moved = await line.redrive(wanted, ids or None)
    done(f"{moved} dead letters are back in {wanted.name}")


@app.command("discard")
@run_async
async def discard(
    ids: list[str] = typer.Argument(None, help="Ids of dead letters; all of the queue with --all."),  # noqa: B008
    queue: str = typer.Option(..., help="The queue they died in."),
    everything: bool = typer.Option(False, "--all", help="Discard every dead letter of the queue."),
) -> None:
    """Delete dead letters for good: events that can never be handled, such as those of a publisher's mistake."""
    if bool(ids) == everything:
        raise Problem("Name the dead letters to discard, or say --all.", "hubctl dead list shows their ids.")
    (wanted,) = chosen(queue)
    async with bus() as line:
        gone = await line.discard(wanted, ids or None)
    done(f"{gone} dead letters of {wanted.name} are gone for good")
