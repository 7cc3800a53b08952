"""Leads are imported, and a tenth of them again with changes, while everything is killed again and again; in the
end nothing is lost and nothing is doubled.

``FAULT_LEADS`` (default 20000) and ``FAULT_KILLS`` (of each program, default 3) size it; ``FAULT_SEED`` repeats a run.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from hub.local.hub import LocalHub
from hubctl.session import bus, database
from hubctl.trial.crm import CrmControl, SimulatedCrm
from hubctl.trial.quiet import until_quiet
from hubctl.trial.subscriber import Subscriber
from hubctl.trial.tenant import Tenant, target_of, tenant

LEADS = int(os.environ.get("FAULT_LEADS", "20000"))
KILLS = int(os.environ.get("FAULT_KILLS", "3"))
SEED = int(os.environ.get("FAULT_SEED", str(time.time_ns() % 10**6)))
CHUNK, SENDERS = 500, 2
FASTER_RETRIES = {"HUB_SYNC_LEASE_SECONDS": "5", "HUB_WEBHOOK_LEASE": "21", "HUB_WEBHOOK_SCHEDULE": "[1, 2, 2, 5, 5]"}

_COUNTS = """
    SELECT (SELECT count(*) FROM leads.lead) AS leads,
           (SELECT count(DISTINCT external_id) FROM leads.link WHERE owner = 'import/faults') AS linked,
           (SELECT count(*) FROM leads.history) AS versions,
           (SELECT count(*) FROM sync.target WHERE state = 'in_sync' AND pushed_version = desired_version) AS in_sync,
           (SELECT count(*) FROM audit.entry WHERE event = 'lead.created') AS created_entries,
           (SELECT count(DISTINCT subject) FROM audit.entry WHERE event = 'lead.created') AS created_subjects,
           (SELECT count(*) FROM audit.entry WHERE event = 'lead.updated') AS updated_entries,
           (SELECT count(DISTINCT subject) FROM audit.entry WHERE event = 'lead.synced') AS synced_subjects"""
_LEAD_IDS = "SELECT id FROM leads.lead"


Chunk = tuple[str, list[dict[str, Any]]]


def new_leads() -> Iterator[Chunk]:
    for first in range(0, LEADS, CHUNK):
        numbers = range(first, min(first + CHUNK, LEADS))
        yield f"new-{first}", [lead(n, "Fault") for n in numbers]


def changed_leads() -> Iterator[Chunk]:
    for first in range(0, LEADS, 10 * CHUNK):
        yield f"changed-{first}", [lead(n, "Changed") for n in range(first, min(first + 10 * CHUNK, LEADS), 10)]


def lead(number: int, last_name: str) -> dict[str, Any]:
    names = {"first_name": f"Name{number}", "last_name": last_name}
    return {"external_id": f"F-{number}", "email": f"lead{number}@example.com", **names}


async def import_surely(agency: Tenant, key: str, leads: list[dict[str, Any]]) -> None:
    """As a careful client does it: until it is acknowledged, repeat it under the same key."""
    body = {"source": "faults", "leads": leads}
    headers = {"Idempotency-Key": key}
    while True:
        try:
            async with agency.session.post(
                "/api/v1/external/leads/import", json=body, headers=headers, timeout=aiohttp.ClientTimeout(total=20)
            ) as answer:
                if answer.status == 202:
                    assert (await answer.json())["accepted"] == len(leads)
                    return
                assert answer.status in (409, 503), await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            pass
        await asyncio.sleep(0.3)


async def import_all(agency: Tenant) -> None:
    for chunks in (new_leads(), changed_leads()):

        async def sender(mine: Iterator[Chunk] = chunks) -> None:
            for key, leads in mine:
                await import_surely(agency, key, leads)

        await asyncio.gather(*(sender() for _ in range(SENDERS)))


async def kill_everything(hub: LocalHub, crm: CrmControl) -> Counter[str]:
    """Every program so many times, in random order, spread over the time that the leads need to reach the CRM."""
    rng = random.Random(SEED)
    victims = [*hub.services, "postgres", "rabbitmq"] * KILLS
    rng.shuffle(victims)
    killed: Counter[str] = Counter()
    for number, name in enumerate(victims):
        wait_until = time.monotonic() + rng.uniform(0.5, 3.0)
        due = LEADS * 0.9 * number / len(victims)
        while time.monotonic() < wait_until or (await crm.counters())["leads"] < due:
            await asyncio.sleep(0.1)
            if time.monotonic() > wait_until + 20:  # work may be stalled by what was killed last: go on all the same
                break
        if hub.pid(name):
            await asyncio.to_thread(hub.kill, name)
            killed[name] += 1
        else:
            victims.append(name)  # still coming up from its last death
    return killed


@asynccontextmanager
async def at_rest(hub: LocalHub, crm: CrmControl, within: float) -> AsyncIterator[asyncpg.Pool]:
    """The hub's database, once everything is up and nothing waits."""
    await asyncio.to_thread(hub.wait_ready, 60.0)

    async def crm_is_quiet() -> bool:
        return bool((await crm.counters())["webhooks"]["pending"] == 0)

    async with database(target_of(hub)) as pool, bus(target_of(hub)) as line:
        quiet = await until_quiet(pool, line, within, crm_is_quiet)
        assert quiet, await counts_of(pool)
        yield pool


async def counts_of(pool: asyncpg.Pool) -> dict[str, int]:
    (row,) = await pool.fetch(_COUNTS)
    return dict(row)


@pytest.fixture
def faulty_hub(tmp_path_factory: pytest.TempPathFactory, server_folder: Path) -> Iterator[LocalHub]:
    hub = LocalHub(server_folder / "faults", "rabbitmq", settings=FASTER_RETRIES)
    hub.start()
    yield hub
    hub.stop()
    for log in sorted((hub.folder / "logs").iterdir()):  # pytest shows this when the test failed
        print(f"--- {log.name}", *log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:], sep="\n")


@pytest.mark.timeout(600)
async def test_nothing_is_lost_and_nothing_doubled(
    faulty_hub: LocalHub, crm: SimulatedCrm, people: CrmControl, record_property: Any
) -> None:
    record_property("seed", SEED)
    subscriber = Subscriber("whsec", keep=True)
    async with subscriber.served() as url, tenant(faulty_hub, "faults") as agency:
        await agency.subscribe(url, subscriber.secret, ["lead.created"])
        connection_id = await agency.connect(crm)
        await people.point_webhooks(agency.webhook_url(connection_id), agency.webhook_secret, echo=False)
        importing = asyncio.create_task(import_all(agency))
        killed = await kill_everything(faulty_hub, people)
        await importing
        async with at_rest(faulty_hub, people, within=240) as pool:
            counts = await counts_of(pool)
            ids = {row["id"] for row in await pool.fetch(_LEAD_IDS)}
    assert set(killed) == {*faulty_hub.services, "postgres", "rabbitmq"}, f"seed {SEED}"
    assert min(killed.values()) >= KILLS
    assert (counts["leads"], counts["linked"]) == (LEADS, LEADS), f"seed {SEED}"
    assert counts["in_sync"] == LEADS
    await check_crm(people, ids)
    check_subscriber(subscriber.told, ids)
    assert (counts["created_entries"], counts["created_subjects"]) == (LEADS, LEADS)
    changed = len(range(0, LEADS, 10))
    assert (counts["versions"], counts["updated_entries"]) == (LEADS + changed, changed)
    assert counts["synced_subjects"] == LEADS


async def check_crm(people: CrmControl, ids: set[int]) -> None:
    records = await people.leads()
    references = Counter(record["external_id"] for record in records)
    assert set(references) == {f"MPP-{lead_id}" for lead_id in ids}
    assert max(references.values()) == 1
    names = {record["email"]: record["last_name"] for record in records}
    assert names == {f"lead{n}@example.com": "Fault" if n % 10 else "Changed" for n in range(LEADS)}
    assert (await people.counters())["duplicates"] == {}, "no record was made twice, not even for a moment"


def check_subscriber(told: Sequence[dict[str, Any]], ids: set[int]) -> None:
    assert {webhook["data"]["id"] for webhook in told} == ids
