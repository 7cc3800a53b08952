"""The demonstration, from an empty folder to a hub at work."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiohttp

from hub.local.ports import free_port
from hubctl.commands.upload import read, send
from hubctl.console import done, err, out, warn
from hubctl.demo.people import People
from hubctl.demo.samples import FILE
from hubctl.demo.scene import set_scene
from hubctl.demo.stage import Remembered, Stage
from hubctl.demo.summary import Story, figures, show
from hubctl.session import bus, database
from hubctl.trial.crm import CrmControl
from hubctl.trial.quiet import until_quiet
from hubctl.trial.subscriber import Subscriber
from hubctl.trial.tenant import target_of

_QUIET_SECONDS = 60.0
_FIRST_EDITS, _FIRST_NEW = 120, 40
_TRICKLE_SECONDS = 3.0


async def perform(stage: Stage, began: float, *, stay: bool) -> None:
    """Set the scene, let leads flow both ways, tell what happened; then stay alive until cancelled."""
    subscriber = Subscriber(stage.remembered.subscriber_secret)
    async with AsyncExitStack() as held:
        port = free_port(stage.remembered.subscriber_port or 9200)
        known = await set_scene(stage, await held.enter_async_context(subscriber.served(port)))
        known = stage.remember(subscriber_port=port)
        session = await held.enter_async_context(aiohttp.ClientSession())
        crm = CrmControl(session, stage.crm.url)
        people = People(crm, seed=int(began) if known.import_id else 7)
        hook = f"{stage.hub.url}/api/v1/webhooks/crm/custom/{known.connection_id}"
        await crm.point_webhooks(hook, known.webhook_secret)
        story = await _flow(stage, crm, people, began)
        show(out, stage, stage.remembered, story, subscriber)
        if stay:
            with suppress(aiohttp.ClientError):
                await people.trickle(_TRICKLE_SECONDS)


async def _flow(stage: Stage, crm: CrmControl, people: People, began: float) -> Story:
    known = stage.remembered
    target = target_of(stage.hub)
    fresh = not known.import_id
    async with database(target) as pool, bus(target) as line:

        async def crm_is_quiet() -> bool:
            return int((await crm.counters())["webhooks"]["pending"]) == 0

        imported = await _import(stage, known) if fresh else {}
        with err.status("leads flow to the CRM …"):
            await until_quiet(pool, line, _QUIET_SECONDS, crm_is_quiet)
        with err.status("people work in the CRM …"):
            await people.work(_FIRST_EDITS if fresh else 10, _FIRST_NEW if fresh else 2)
            quiet = await until_quiet(pool, line, _QUIET_SECONDS, crm_is_quiet)
        if not quiet:
            warn(f"the hub is not at rest after {_QUIET_SECONDS:.0f} s: hubctl status says what waits")
        counters = await crm.counters()
        found = await figures(pool, known.account_id)
    return Story(time.monotonic() - began, fresh, quiet, imported, counters, found)


async def _import(stage: Stage, known: Remembered) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {known.api_key}"}
    async with aiohttp.ClientSession(stage.hub.url, headers=headers) as session:
        accepted = await send(session, FILE, "text/csv", "spreadsheet")
        import_id = accepted["import_id"]
        while True:
            async with session.get(f"/api/v1/external/imports/{import_id}") as answer:
                state = await read(answer)
            if state["state"] in ("completed", "aborted"):
                break
            await asyncio.sleep(0.2)
    stage.remember(import_id=import_id)
    done(f"{FILE.name}: {state.get('accepted', 0)} leads imported over the API")
    return state
