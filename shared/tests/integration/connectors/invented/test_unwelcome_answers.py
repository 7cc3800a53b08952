"""Answers of a custom CRM that are not what was asked for: refusals, pages that lead nowhere, duplicates."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from hub.contracts.connector import ClientSettings
from hub.contracts.failures import CrmFailure
from hub.contracts.grants import FixedToken
from hub.contracts.pulling import PullMode
from hub.registry import CONNECTORS

from .crms import KEY, Records, bare_crm, envelope_crm, served
from .dealings import item, read


async def test_a_refusal_is_told_in_the_crms_words() -> None:
    records = Records()
    routes, config = envelope_crm(records)
    async with served(routes, f"Bearer {KEY}") as base_url:
        document = {"base_url": base_url, **config}
        client = CONNECTORS["custom"].client(
            ClientSettings(document, FixedToken(KEY), egress_allow=("127.0.0.0/8",), timeout=5.0)
        )
        (result,) = await client.push([item(document, 1, email="nonsense")])
        await client.close()
    assert result.error is not None
    assert (result.error.code, result.error.field, result.error.attempted_value) == ("BAD_MAIL", "mail", "nonsense")


@pytest.mark.parametrize(
    ("paging", "code"),
    [
        ({"kind": "page", "param": "nowhere"}, "ENDLESS_PAGE"),
        ({"kind": "link", "cursor_path": "elsewhere"}, "FOREIGN_HOST"),
    ],
)
async def test_a_pager_that_does_not_move_or_leads_away_is_told(paging: dict[str, Any], code: str) -> None:
    async def listing(_request: web.Request) -> web.Response:
        return web.json_response({"items": [{"id": 1}], "elsewhere": "https://evil.example/leads?page=2"})

    async with served([web.get("/api/leads", listing)], f"Bearer {KEY}") as base_url:
        client = CONNECTORS["custom"].client(
            ClientSettings({"base_url": base_url, "paging": paging}, FixedToken(KEY), egress_allow=("127.0.0.0/8",))
        )
        with pytest.raises(CrmFailure) as caught:
            async with asyncio.timeout(10):
                await read(client, PullMode.FULL)
        await client.close()
    assert caught.value.error.code == code


async def test_duplicates_become_links() -> None:
    records = Records()
    there = records.put({"email": "ann@example.com"})

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "TAKEN", "existing": there}}, status=409)

    routes = [route for route in bare_crm(records)[0] if route.method != "POST"]
    async with served([*routes, web.post("/api/contacts/new", refuse)], f"Key {KEY}") as base_url:
        document = {"base_url": base_url, **bare_crm(records)[1], "errors": {"duplicate_id_path": "error.existing"}}
        client = CONNECTORS["custom"].client(
            ClientSettings(document, FixedToken(KEY), egress_allow=("127.0.0.0/8",), timeout=5.0)
        )
        (result,) = await client.push([item(document, 5, email="ann@example.com", first_name="Ann")])
        await client.close()
    assert (result.ok, result.action, result.external_id) == (True, "link", there)
    assert records.rows[there]["external_id"] == "MPP-5"
