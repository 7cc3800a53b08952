"""``hubctl connector test``: a configuration that fits, and what is said of those that do not."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
import yaml
from aiohttp import web

from simulators.custom.app import Running, running

KEY = "canary-fitting-key"


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Running]:
    """A simulated CRM with some leads."""
    async with running(tmp_path / "crm.sqlite", KEY) as crm:
        for number in range(120):
            crm.crm.create({"first_name": "Ann", "email": f"ann{number}@example.com"}, by_api=False)
        yield crm


def fitting(url: str, **config: Any) -> dict[str, Any]:
    return {
        "crm_type": "custom",
        "base_url": url,
        "paging": {"kind": "page", "size": 50, "size_param": "per_page", "total_path": "total"},
        "endpoints": {"delete_lead": "/leads/{id}"},
    } | config


async def tried(tmp_path: Path, config: Any, *options: str) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    file = tmp_path / "crm.yaml"
    file.write_text(config if isinstance(config, str) else yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "hubctl", "connector", "test", str(file), *options]
    environment = os.environ | {"HUBCTL_CRM_KEY": KEY, "HUB_EGRESS_ALLOW": "127.0.0.0/8", "COLUMNS": "200"}
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    )
    assert KEY not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


async def test_a_configuration_that_fits(crm: Running, tmp_path: Path) -> None:
    code, told = await tried(tmp_path, fitting(f"{crm.url}/v2"), "--write")
    assert code == 0, told
    for words in ("takes the key", "120 records on 3 pages", "first_name", "found again", "the record is gone again"):
        assert words in told
    assert len(list(crm.crm.store.everything())) == 120


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"paging": {"kind": "offset", "param": "page_nr"}}, "same page again and again"),
        ({"paging": {"kind": "none"}}, "50 of 120 records came, and no next page"),
        ({"auth": {"place": "query", "name": "key"}}, "refuses the key"),
        ({"base_url": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"records_path": "rows"}, "not a list of leads"),
        ({"incremental": {"query": "changed={since}"}}, "ignores incremental.query"),
        ({"field_mappings": {"mpp_fields": {"email": "mail"}}}, "neither e-mail nor phone"),
    ],
)
async def test_what_does_not_fit_is_said_in_words(
    crm: Running, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    code, told = await tried(tmp_path, fitting(f"{crm.url}/v2") | change)
    assert code == 1
    assert words in told


async def test_a_200_that_stored_nothing_is_told(tmp_path: Path) -> None:
    async def listing(_request: web.Request) -> web.Response:
        return web.json_response([{"id": 1, "email": "a@example.com"}])

    async def create(_request: web.Request) -> web.Response:
        return web.json_response({"id": 2}, status=200)

    async def one(_request: web.Request) -> web.Response:
        return web.json_response({"message": "no"}, status=404)

    app = web.Application()
    app.add_routes([web.get("/leads", listing), web.post("/leads", create), web.get("/leads/{id}", one)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {"base_url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    code, told = await tried(tmp_path, config, "--write")
    await runner.cleanup()
    assert code == 1
    assert "the CRM said that it stored record 2, and there is no such record" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("crm_type: custom\nbase_url: https://x.example\npaging:\n  kind: pages\n", "line 4"),
        ("base_url: https://x.example\nendpoints:\n  get_leads: /leads\n  update_lead: /leads\n", "line 4"),
        ("base_url: [\n", "line 2"),
        ("just words", "no configuration"),
    ],
)
async def test_a_mistake_in_the_file_is_named_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    code, told = await tried(tmp_path, text)
    assert code == 1
    assert words in told
