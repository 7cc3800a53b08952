"""Dead letters, failed pushes and status, as an operator meets them at night."""

import subprocess
from collections.abc import Callable

import asyncpg

from hub.bus import open_bus
from hub.bus.protocol import ConsumerOptions
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Outcome, dead
from hub.contracts.events import LEAD_CREATED
from hub.contracts.topology import AUDIT
from hubctl.trial.eventually import eventually

Hubctl = Callable[..., subprocess.CompletedProcess[str]]

_CONNECTION = """
    WITH account AS (INSERT INTO control.account (name) VALUES ('A') RETURNING id)
    INSERT INTO control.connection (account_id, crm_type, name, config)
    SELECT id, 'custom', 'Main', '{}' FROM account RETURNING account_id, id"""
_FAILED = """
    INSERT INTO sync.target (account_id, connection_id, lead_id, desired_version, state, attempts, last_error)
    VALUES ($1, $2, 7, 1, 'failed', 3, '{"code": "INVALID_EMAIL", "message": "not an address", "field": "email"}'),
           ($1, $2, 8, 1, 'failed', 3, '{"code": "TIMEOUT", "message": "no answer"}')"""


async def make_dead_letter(database_url: str) -> None:
    line = open_bus(database_url, name="test")
    await line.connect()
    await line.publish(Event(type=LEAD_CREATED, account_id=1, subject="lead/1", data={}, source="test"))

    async def refuse(events: list[Event]) -> dict[str, Outcome]:
        return {event.id: dead("breaks its contract") for event in events}

    async def died() -> int:
        return await line.depth(AUDIT.dead)

    subscription = await line.consume(AUDIT, refuse, ConsumerOptions())  # type: ignore[arg-type]
    await eventually(died)
    await subscription.stop()
    await line.close()


async def test_dead_letters_are_listed_and_redriven(hubctl: Hubctl, database_url: str) -> None:
    assert "no dead letters" in hubctl("dead", "list").stderr
    await make_dead_letter(database_url)
    listed = hubctl("dead", "list", "--queue", "audit").stdout
    assert "breaks its contract" in listed
    assert "lead/1" in listed
    ill = hubctl("status")
    assert ill.returncode == 1
    assert "hubctl dead list --queue audit" in ill.stderr
    assert "1 dead letters are back" in hubctl("dead", "redrive", "--queue", "audit").stderr
    assert "no dead letters" in hubctl("dead", "list").stderr


async def test_dead_letters_are_discarded(hubctl: Hubctl, database_url: str) -> None:
    await make_dead_letter(database_url)
    refused = hubctl("dead", "discard", "--queue", "audit")
    assert refused.returncode != 0
    assert "say --all" in refused.stderr
    assert "0 dead letters" in hubctl("dead", "discard", "nobody", "--queue", "audit").stderr
    assert "1 dead letters of mpp.audit are gone" in hubctl("dead", "discard", "--all", "--queue", "audit").stderr
    assert "no dead letters" in hubctl("dead", "list").stderr


async def test_failed_pushes_are_listed_and_redriven(hubctl: Hubctl, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    account_id, connection_id = await connection.fetchrow(_CONNECTION) or (0, 0)
    await connection.execute(_FAILED, account_id, connection_id)
    listed = hubctl("failed", "list").stdout
    assert "MPP-7" in listed
    assert "INVALID_EMAIL" in listed
    assert "email: not an address" in listed
    assert hubctl("failed", "redrive", "MPP-7").returncode == 0
    states = await connection.fetch("SELECT lead_id, state, attempts FROM sync.target ORDER BY lead_id")
    assert [tuple(row) for row in states] == [(7, "due", 0), (8, "failed", 3)]
    assert "1 pushes are due again" in hubctl("failed", "redrive").stderr
    assert hubctl("failed", "redrive", "seven").returncode == 1
    await connection.close()


def test_a_healthy_hub_says_so(hubctl: Hubctl) -> None:
    well = hubctl("status")
    assert well.returncode == 0, well.stderr
    assert "nothing needs attention" in well.stderr


def test_what_is_away_is_named_without_a_traceback(hubctl: Hubctl) -> None:
    for words in (("status",), ("account", "list"), ("dead", "list"), ("db", "migrate")):
        away = hubctl(*words, HUB_DATABASE_URL="postgresql://postgres@127.0.0.1:1/hub")
        assert away.returncode == 1
        assert "Nothing answers" in away.stderr or "does not answer" in away.stderr, away.stderr
        assert "Traceback" not in away.stderr


def test_a_bus_that_is_away_leaves_the_rest_of_status(hubctl: Hubctl) -> None:
    half = hubctl("status", HUB_BUS_URL="amqp://guest:guest@127.0.0.1:1/")
    assert half.returncode == 1
    assert "leads" in half.stdout
    assert "does not answer" in half.stderr


def test_no_hub_named(hubctl: Hubctl) -> None:
    lost = hubctl("status", HUB_DATABASE_URL="")
    assert lost.returncode == 1
    assert "HUB_DATABASE_URL" in lost.stderr


def test_an_unmigrated_database_is_named(hubctl: Hubctl, database_url: str) -> None:
    bare = database_url.rpartition("/")[0] + "/postgres"
    answer = hubctl("account", "list", HUB_DATABASE_URL=bare)
    assert answer.returncode == 1
    assert "hubctl db migrate" in answer.stderr
    assert hubctl("db", "migrate").returncode == 0
