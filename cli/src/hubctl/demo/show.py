"""The demonstration, from an empty folder to a hub at work between four CRMs."""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import asyncpg

from hub.bus.protocol import Bus
from hub.local.ports import free_port
from hubctl.commands.upload import read, send
from hubctl.console import done, err, out
from hubctl.demo.crowd import crowd
from hubctl.demo.figures import figures, left_to_read, left_to_write
from hubctl.demo.journey import travel
from hubctl.demo.people import People
from hubctl.demo.samples import FILE
from hubctl.demo.scene import set_scene
from hubctl.demo.staff import Staff
from hubctl.demo.stage import Stage
from hubctl.demo.summary import Story, show
from hubctl.demo.vendors import VendorCrm
from hubctl.session import bus, database
from hubctl.trial.crm import CrmControl
from hubctl.trial.quiet import until_quiet
from hubctl.trial.subscriber import Subscriber
from hubctl.trial.tenant import target_of

_FLOW_SECONDS, _WORK_SECONDS = 75.0, 30.0  # then the summary tells what is still on its way
_TRICKLE_SECONDS = 6.0
_CUSTOM = "Demo CRM"


@dataclass
class Show:
    """Everything on the stage, and who works there."""

    stage: Stage
    api: aiohttp.ClientSession
    pool: asyncpg.Pool
    line: Bus
    custom: CrmControl
    people: People
    crms: list[VendorCrm]
    staffs: list[Staff]
    fresh: bool
    began: float
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def titles(self) -> dict[int, str]:
        """The CRMs' names by connection."""
        return {each.connection_id: each.title for each in self.crms} | {self.stage.remembered.connection_id: _CUSTOM}

    async def connect(self) -> None:
        """The three vendors by OAuth; the custom CRM has its key already."""
        everybody = crowd()
        with err.status("the CRMs are connected through their consent pages …"):
            for crm in self.crms:
                await crm.prepare(everybody[crm.crm_type])
                await crm.connect(self.api)
        known = self.stage.remembered
        hook = f"{self.stage.hub.url}/api/v1/webhooks/crm/custom/{known.connection_id}"
        await self.custom.point_webhooks(hook, known.webhook_secret)
        done(f"connected by OAuth: {', '.join(crm.title for crm in self.crms)}; by API key: a custom CRM")

    async def rest(self, what: str, seconds: float) -> bool:
        """Wait until nothing is under way; False when time ran out. Shows what is."""
        account_id = self.stage.remembered.account_id
        with err.status(f"{what} …") as status:

            async def still() -> bool:
                if await left_to_read(self.pool, account_id) or await left_to_write(self.pool, account_id):
                    return False  # calls that are under way included
                return not await self._webhooks_pending()

            async def tell() -> None:
                while True:
                    waiting = await left_to_write(self.pool, account_id)
                    titles = self.titles
                    told = ", ".join(f"{titles[each]} {count}" for each, count in waiting.items() if each in titles)
                    status.update(f"{what} … on their way: {told}" if told else f"{what} …")
                    await asyncio.sleep(1)

            telling = asyncio.create_task(tell())
            try:
                return await until_quiet(self.pool, self.line, seconds, still)
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)

    async def play(self) -> Story:
        """Leads flow; people work; what came of it."""
        known = self.stage.remembered
        before = await figures(self.pool, known.account_id, self.since)
        await self.connect()
        imported = await self._import() if self.fresh else {}
        flowed = await self.rest("leads flow between the CRMs", _FLOW_SECONDS)
        account = (await figures(self.pool, known.account_id, self.since)).account
        flow_seconds = time.monotonic() - self.began
        worked = await self._work()
        with err.status("somebody is entered in Salesforce, and enrols …"):
            there = await travel(self.pool, known.account_id, self.api, self.staffs[0], self.crms, self.titles)
        quiet = await self.rest("people work in the CRMs", _WORK_SECONDS)
        return Story(
            seconds=time.monotonic() - self.began,
            flow_seconds=flow_seconds,
            fresh=self.fresh,
            flowed=flowed,
            quiet=quiet,
            imported=imported,
            created_by_crms=account["crm_new"],
            before=before,
            found=await figures(self.pool, known.account_id, self.since),
            journey=there,
            custom=await self.custom.counters(),
            custom_work=worked,
        )

    async def trickle(self) -> None:
        """People go on working, for ever."""
        chance = random.Random()  # noqa: S311 - when people edit in a demonstration
        everybody: list[People | Staff] = [self.people, *self.staffs]
        async with asyncio.TaskGroup() as group:
            for staff in everybody:
                group.create_task(_trickle(staff, chance))

    async def _work(self) -> str:
        edits, new = (15, 5) if self.fresh else (3, 1)
        custom = (120, 40) if self.fresh else (10, 2)
        with err.status("people work in the CRMs …"):
            await self.people.work(*custom)
            for crm, staff in zip(self.crms, self.staffs, strict=True):
                await staff.work(edits, new, deletions=int(crm.crm_type == "hubspot"))
        return "{} edits, {} new".format(*custom)

    async def _webhooks_pending(self) -> bool:
        if (await self.custom.counters())["webhooks"]["pending"]:
            return True
        return any([(await crm.webhooks())["pending"] for crm in self.crms])

    async def _import(self) -> dict[str, Any]:
        accepted = await send(self.api, FILE, "text/csv", "spreadsheet")
        import_id = accepted["import_id"]
        state: Mapping[str, Any] = {}
        while state.get("state") not in ("completed", "aborted"):
            await asyncio.sleep(0.2)
            async with self.api.get(f"/api/v1/external/imports/{import_id}") as answer:
                state = await read(answer)
        self.stage.remember(import_id=import_id)
        done(f"{FILE.name}: {state.get('accepted', 0)} leads imported over the API")
        return dict(state)


async def perform(stage: Stage, began: float, *, stay: bool) -> None:
    """Set the scene, let leads flow between all, tell what happened; then stay alive until cancelled."""
    subscriber = Subscriber(stage.remembered.subscriber_secret)
    async with AsyncExitStack() as held:
        port = free_port(stage.remembered.subscriber_port or 9050)
        known = await set_scene(stage, await held.enter_async_context(subscriber.served(port)))
        stage.remember(subscriber_port=port)
        session = await held.enter_async_context(aiohttp.ClientSession())
        headers = {"Authorization": f"Bearer {known.api_key}"}
        api = await held.enter_async_context(aiohttp.ClientSession(stage.hub.url, headers=headers))
        target = target_of(stage.hub)
        pool = await held.enter_async_context(database(target))
        line = await held.enter_async_context(bus(target))
        fresh, custom = not known.import_id, CrmControl(session, stage.crm.url)
        seed = 7 if fresh else int(time.time())
        crms = [VendorCrm(simulator, session, stage) for simulator in stage.vendors]
        staffs = [Staff(crm, seed + number) for number, crm in enumerate(crms, start=1)]
        demo = Show(stage, api, pool, line, custom, People(custom, seed), crms, staffs, fresh, began)
        story = await demo.play()
        await show(out, demo.stage, story, subscriber, list(zip(crms, staffs, strict=True)), api)
        if stay:
            await demo.trickle()


async def _trickle(staff: People | Staff, chance: random.Random) -> None:
    """About one edit every so many seconds, and now and then a new lead."""
    while True:
        await asyncio.sleep(chance.uniform(0.5, 2) * _TRICKLE_SECONDS)
        with suppress(aiohttp.ClientError):
            await staff.work(edits=1, new=int(chance.random() < 0.2))
