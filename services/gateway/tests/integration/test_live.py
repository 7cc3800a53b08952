"""The live feed: server-sent events as a browser reads them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from hub.contracts.ids import new_id

FEED = "/api/v1/dashboard/events"


async def messages(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, str | None, Any]]:
    """(event, id, data) of each message."""
    fields: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
            fields = {}


async def add_entry(hub: Any, subject: str, event_id: str | None = None) -> str:
    event_id = event_id or new_id()
    await hub.pool.execute(
        "INSERT INTO audit.entry (account_id, event_id, event, at, actor, action, fields_changed, subject)"
        " VALUES ($1, $2, 'lead.created', now(), 'a', 'create', '{}', $3)",
        hub.account_id,
        event_id,
        subject,
    )
    return event_id


async def activities(answer: aiohttp.ClientResponse, count: int) -> list[str]:
    """Subjects of the next activities."""
    found: list[str] = []
    async with asyncio.timeout(10):
        async for event, _, data in messages(answer):
            if event == "activity":
                found.append(data["subject"])
                if len(found) == count:
                    return found
    raise AssertionError("the feed ended")


async def test_what_was_and_what_comes(hub: Any) -> None:
    await add_entry(hub, "old")
    async with hub.client.get(FEED) as answer:
        assert answer.content_type == "text/event-stream"
        assert await activities(answer, 1) == ["old"]
        await add_entry(hub, "new 1")
        await add_entry(hub, "new 2")
        assert await activities(answer, 2) == ["new 1", "new 2"]


async def test_an_entry_that_commits_late_is_told_too_and_none_twice(hub: Any) -> None:
    late, first = new_id(), new_id()
    async with hub.client.get(FEED) as answer:
        await add_entry(hub, "first", first)
        assert await activities(answer, 1) == ["first"]
        await add_entry(hub, "late", late)
        await add_entry(hub, "last")
        assert await activities(answer, 2) == ["late", "last"]


async def test_a_listener_that_comes_back_misses_nothing(hub: Any) -> None:
    seen = await add_entry(hub, "seen")
    await add_entry(hub, "missed 1")
    await add_entry(hub, "missed 2")
    async with hub.client.get(FEED, headers={"Last-Event-ID": seen}) as answer:
        assert await activities(answer, 2) == ["missed 1", "missed 2"]


async def panel_with(answer: aiohttp.ClientResponse, pending: int) -> None:
    """Read until the panel shows so many pending updates."""
    async with asyncio.timeout(5):
        async for event, _, data in messages(answer):
            if event == "panel" and data["pending_updates"] == pending:
                return


async def test_the_panel_comes_at_once_and_when_it_changes(hub: Any) -> None:
    async with hub.client.get(FEED) as answer, hub.client.get(FEED) as other:
        await panel_with(answer, 0)
        await panel_with(other, 0)
        await hub.pool.execute(
            "INSERT INTO sync.target (account_id, connection_id, lead_id, desired_version) VALUES ($1, $2, 1, 1)",
            hub.account_id,
            hub.connection_id,
        )
        await panel_with(answer, 1)
        await panel_with(other, 1)


async def test_the_last_listener_ends_the_polling(hub: Any) -> None:
    async with hub.client.get(FEED) as answer:
        await add_entry(hub, "x")
        await activities(answer, 1)
        tasks = [task for task in asyncio.all_tasks() if "_Poller" in repr(task.get_coro())]
        assert len(tasks) == 1
        answer.close()
    await add_entry(hub, "y")  # the write to the closed connection fails, and the listener leaves

    async def ended() -> bool:
        await add_entry(hub, "z")
        return all(task.done() for task in tasks)

    await hub.until(ended)
