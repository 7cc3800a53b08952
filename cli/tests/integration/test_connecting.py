"""``hubctl connection`` against a gateway that runs: add, show, test, sync, disconnect."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from gateway.app import build
from gateway.settings import GatewaySettings
from hub.grants import OAuthApps
from hub.registry import CONNECTORS
from hub.runtime import Service, serving
from hub.store.pool import open_pool
from hub.testing.vendor import CLIENT_ID, CLIENT_SECRET, Vendor, running_vendor, vendor_connector
from hub.vault import Keyring
from hubctl.provision import create_key
from hubctl.trial.eventually import eventually

Run = Callable[..., Awaitable[subprocess.CompletedProcess[str]]]
CALLBACK = "/api/v1/crm/oauth/callback"


@dataclass
class Hub:
    """A gateway, and hubctl pointed at it."""

    url: str
    pool: asyncpg.Pool
    vendor: Vendor
    hubctl: Run
    start: Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def hub(database_url: str, tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_vendor() as vendor:
        apps = OAuthApps(
            oauth_salesforce_client_id=CLIENT_ID,
            oauth_salesforce_client_secret=CLIENT_SECRET,
            salesforce_login_url=vendor.url,
            salesforce_domains="127.0.0.1",
        )
        settings = GatewaySettings(
            database_url=database_url,
            keyring=Keyring.generate().dumps(),
            egress_allow="127.0.0.0/8",
            oauth_apps=apps,
            oauth_redirect_uris="http://127.0.0.1/callback",
        )
        service = Service("gateway", settings)
        pool = await open_pool(database_url, None)
        try:
            account = await pool.fetchval("INSERT INTO control.account (name) VALUES ('Agency') RETURNING id")
            key = await create_key(pool, account, "operator")
            app = await build(service, {**CONNECTORS, "salesforce": vendor_connector()})
            async with serving(app, "127.0.0.1", 0, stop_seconds=1) as port:
                url = f"http://127.0.0.1:{port}"

                async def start(*words: str, **more: str) -> asyncio.subprocess.Process:
                    environment = {"PATH": os.environ["PATH"], "HUB_URL": url, "HUB_API_KEY": key, **more}
                    command = (sys.executable, "-m", "hubctl", "connection", *words)
                    pipe = asyncio.subprocess.PIPE
                    return await asyncio.create_subprocess_exec(
                        *command, env=environment, cwd=tmp_path, stdout=pipe, stderr=pipe
                    )

                async def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
                    process = await start(*words, **more)
                    out, err = await asyncio.wait_for(process.communicate(), 60)
                    assert process.returncode is not None
                    return subprocess.CompletedProcess(words, process.returncode, out.decode(), err.decode())

                yield Hub(url, pool, vendor, run, start)
        finally:
            pool.terminate()
            await service.close()


async def with_key(hub: Hub, tmp_path: Path) -> str:
    (tmp_path / "crm.json").write_text(f'{{"base_url": "{hub.vendor.url}"}}')
    key = hub.vendor.grant()["access_token"]
    made = await hub.hubctl("add", "--crm", "salesforce", "--config", "crm.json", HUBCTL_CRM_API_KEY=key)
    assert made.returncode == 0, made.stderr
    assert len(made.stdout.strip()) >= 32
    assert "connected" in made.stderr
    assert key not in made.stdout + made.stderr
    return str(await hub.pool.fetchval("SELECT id FROM control.connection"))


async def test_add_show_test_disconnect(hub: Hub, tmp_path: Path) -> None:
    connection = await with_key(hub, tmp_path)
    shown = await hub.hubctl("show", connection)
    assert "Vendor" in shown.stdout
    assert "org-1" in shown.stdout
    tested = await hub.hubctl("test", connection)
    assert (tested.returncode, "Acme" in tested.stderr) == (0, True)
    hub.vendor.access.clear()
    tested = await hub.hubctl("test", connection)
    assert (tested.returncode, "needs_reauth" in tested.stderr, "Traceback" in tested.stderr) == (1, True, False)
    ended = await hub.hubctl("disconnect", connection)
    assert "disconnected" in ended.stderr
    assert await hub.pool.fetchval("SELECT status FROM control.connection") == "disconnected"


async def test_what_is_refused_is_told_in_the_apis_words(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"wrong": 1}')
    refused = await hub.hubctl("add", "--crm", "salesforce", "--config", "bad.json", HUBCTL_CRM_API_KEY="k")
    assert (refused.returncode, "config.wrong" in refused.stderr) == (1, True)
    refused = await hub.hubctl("add", "--crm", "nonesuch")
    assert (refused.returncode, "no such CRM" in refused.stderr) == (1, True)
    assert (await hub.hubctl("show", "99")).returncode == 1


async def test_with_oauth_it_waits_until_access_is_granted(hub: Hub) -> None:
    process = await hub.start("add", "--crm", "salesforce", "--redirect-uri", "http://127.0.0.1/callback")
    assert process.stdout
    address = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    async with (
        aiohttp.ClientSession(hub.url) as browser,
        browser.get(CALLBACK, params=hub.vendor.consent(address)) as answer,
    ):
        assert answer.status == 200
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, "is connected" in err.decode()) == (0, True), err


async def test_a_reading_is_followed_to_its_end(hub: Hub, tmp_path: Path) -> None:
    await hub.pool.execute(
        "INSERT INTO control.connection (account_id, crm_type, name, config) VALUES (1, 'salesforce', 'x', '{}')"
    )
    await hub.pool.execute("UPDATE control.connection SET crm_type = 'hubspot'")
    for state, said, code in (("done", "10000 records read", 0), ("failed", "SERVER_UNAVAILABLE", 1)):
        process = await hub.start("sync", "1", "--full")

        async def running() -> Any:
            return await hub.pool.fetchval(
                "UPDATE sync.run SET state = 'running', started_at = now() - interval '4 seconds', page_at = now(),"
                " records = 4000, total = 10000 WHERE state = 'queued' RETURNING id"
            )

        assert await eventually(running)
        await asyncio.sleep(1.2)
        await hub.pool.execute(
            "UPDATE sync.run SET state = $1, records = 10000, finished_at = now(), error = $2 WHERE state = 'running'",
            state,
            {"code": "SERVER_UNAVAILABLE", "message": "down"} if state == "failed" else None,
        )
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, said in err.decode()) == (code, True), err.decode()
