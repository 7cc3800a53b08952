"""A customer's way to the vendor's consent page and back, as the hub and the browser see it."""

from typing import Any

import aiohttp

from gateway.web import models_connections_out as told

AUTHORIZE, CALLBACK = "/api/v1/crm/oauth/authorize", "/api/v1/crm/oauth/callback"
DESIGN = {"crm_type": "salesforce", "redirect_uri": "https://mypremierplans.com/crm/callback"}
PAGE = {"Accept": "text/html,application/xhtml+xml", "Authorization": ""}


async def authorize(hub: Any, headers: Any = None, **body: Any) -> told.Authorization:
    async with hub.client.post(AUTHORIZE, json=DESIGN | body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return told.Authorization.model_validate(await answer.json())


async def bring_back(hub: Any, given: dict[str, str], **more: Any) -> tuple[int, str, Any]:
    """What a browser without an API key gets at the callback."""
    async with (
        aiohttp.ClientSession(hub.url, cookies=more.pop("cookies", None)) as browser,
        browser.get(CALLBACK, params=given, allow_redirects=False, **more) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


async def connections(hub: Any) -> list[Any]:
    rows: list[Any] = await hub.pool.fetch("SELECT * FROM control.connection WHERE crm_type = 'salesforce' ORDER BY id")
    return rows
