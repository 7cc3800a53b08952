"""A whole hub on this machine, an account with a key, and a browser."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, async_playwright

from hub.contracts.ids import new_id
from hub.local.hub import LocalHub
from hub.store.admin import Admin
from hub.store.pool import open_pool
from hubctl.provision import create_key

_CHROMIUM = "/usr/bin/chromium"
_QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def hub(server_folder: Path) -> Iterator[LocalHub]:
    """All five services on the embedded bus, as processes."""
    local = LocalHub(server_folder / "browser-hub", supervise=False)
    local.start()
    yield local
    local.stop()


@dataclass
class Account:
    """A fresh account and its key."""

    url: str
    key: str
    client: aiohttp.ClientSession

    async def import_leads(self, *leads: dict[str, Any], source: str = "salesforce") -> None:
        """Import leads over the API, as a customer does."""
        path = f"{self.url}/api/v1/external/leads/import"
        async with self.client.post(path, json={"source": source, "leads": leads}) as response:
            assert response.status == 202, await response.text()


@pytest.fixture
async def account(hub: LocalHub) -> AsyncIterator[Account]:
    """An account of its own for each test, so that the page is empty at first."""
    async with await open_pool(hub.database_url, "hub_admin", max_size=1) as pool:
        number = await Admin(pool).create_account(f"browser {new_id()}", "US")
        key = await create_key(pool, number, "front desk")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as client:
        yield Account(hub.url, key, client)


@dataclass
class Tab:
    """One browser tab on the dashboard, and what went wrong in it."""

    page: Page
    context: BrowserContext
    url: str
    problems: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    async def sign_in(self, key: str) -> None:
        """Sign in with the form."""
        await self.page.goto(self.url)
        await self.page.get_by_label("API key").fill(key)
        await self.page.get_by_role("button", name="Sign in").click()

    async def live(self) -> None:
        """Wait until the page says that it is live."""
        await self.page.locator("#link-state[data-state=live]").wait_for()

    def watch(self) -> None:
        """Note errors of scripts and policies, and requests to other hosts."""

        def requested(request: Request) -> None:
            if not request.url.startswith((self.url, "data:")):
                self.elsewhere.append(request.url)

        def said(message: ConsoleMessage) -> None:
            # The page's first question is whether there is a session; the browser logs the 401 that says no.
            if message.type == "error" and "401" not in message.text:
                self.problems.append(message.text)

        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", said)
        self.page.on("request", requested)


OpenTab = Callable[..., Awaitable[Tab]]


@pytest.fixture
async def open_tab(hub: LocalHub) -> AsyncIterator[OpenTab]:
    """Open tabs, each a browser session of its own; options are Playwright's (``color_scheme``, ``viewport``…)."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)

        async def begin(**options: Any) -> Tab:
            context = await browser.new_context(**options)
            context.set_default_timeout(15_000)
            tab = Tab(await context.new_page(), context, hub.url)
            tab.watch()
            return tab

        yield begin
        async with asyncio.timeout(20):
            await browser.close()
