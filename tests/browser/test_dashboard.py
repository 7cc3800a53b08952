"""The dashboard in a real browser, on a real hub: what a customer sees when leads arrive."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import expect

from hub.local.hub import LocalHub

if TYPE_CHECKING:
    from tests.browser.conftest import Account, OpenTab

ZOE: dict[str, Any] = {
    "external_id": "SF-1",
    "first_name": "Zoë",
    "last_name": "Müller",
    "email": "zoe@example.com",
    "phone": "210-555-0123",
    "custom_fields": {"interest_level": "High"},
}


async def test_a_lead_arrives_live(account: "Account", open_tab: "OpenTab") -> None:
    tab = await open_tab()
    await tab.sign_in(account.key)
    await tab.live()
    page = tab.page
    await expect(page.locator("#leads-total")).to_have_text("0")
    await expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    await account.import_leads(ZOE)
    feed = page.locator("#feed-list [data-event='lead.created']")
    await expect(feed).to_contain_text("created")
    await expect(feed).to_contain_text("from Salesforce by front desk")
    row = page.locator("#leads-body tr")
    await expect(row).to_contain_text("Zoë Müller")
    await expect(row).to_contain_text("+12105550123")
    await expect(page.locator("#leads-total")).to_have_text("1")
    await expect(page.locator("#today-imported")).to_have_text("1")
    await expect(page.locator("#imports-list")).to_contain_text("Salesforce · 1 lead")
    await expect(page.locator("#imports-list")).to_contain_text("Completed")
    assert tab.problems == []
    assert tab.elsewhere == []


async def test_a_lead_opens_with_its_fields_links_and_history_and_stays_current(
    account: "Account", open_tab: "OpenTab"
) -> None:
    await account.import_leads(ZOE)
    tab = await open_tab()
    await tab.sign_in(account.key)
    button = tab.page.get_by_role("button", name="Zoë Müller")
    await button.focus()
    await tab.page.keyboard.press("Enter")
    drawer = tab.page.get_by_role("dialog")
    for text in (
        "Zoë Müller",
        "zoe@example.com",
        "Interest level",
        "High",
        "Import from Salesforce",
        "SF-1",
        "Created",
    ):
        await expect(drawer).to_contain_text(text)
    await account.import_leads({**ZOE, "email": "zoe.mueller@example.com"})
    await expect(drawer).to_contain_text("Version 2")
    await expect(drawer.locator("del").first).to_have_text("zoe@example.com")
    await tab.page.keyboard.press("Escape")
    await expect(drawer).not_to_be_visible()
    await expect(button).to_be_focused()


async def test_leads_are_found_by_name_and_by_status(account: "Account", open_tab: "OpenTab") -> None:
    ann = {"external_id": "SF-2", "first_name": "Ann", "email": "ann@example.com", "status": "qualified"}
    await account.import_leads(ZOE, ann)
    tab = await open_tab()
    await tab.sign_in(account.key)
    rows = tab.page.locator("#leads-body tr")
    await expect(rows).to_have_count(2)
    await tab.page.get_by_label("Search leads").fill("müll")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("Zoë")
    await tab.page.get_by_label("Search leads").fill("nobody like this")
    await expect(tab.page.get_by_text("No lead matches.")).to_be_visible()
    await tab.page.get_by_label("Search leads").fill("")
    await tab.page.get_by_label("Status").select_option("qualified")
    await expect(rows).to_contain_text(["Ann"])


async def test_a_link_with_a_key_signs_in_and_leaves_no_trace_of_it(account: "Account", open_tab: "OpenTab") -> None:
    tab = await open_tab()
    await tab.page.goto(f"{tab.url}/#key={account.key}")
    await tab.live()
    assert tab.page.url == f"{tab.url}/"
    (cookie,) = await tab.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert account.key not in cookie["value"]
    await tab.page.reload()
    await tab.live()
    await tab.page.get_by_role("button", name="Sign out").click()
    await expect(tab.page.get_by_label("API key")).to_be_focused()
    await tab.page.reload()
    await expect(tab.page.get_by_label("API key")).to_be_visible()


async def test_a_wrong_key_is_told(account: "Account", open_tab: "OpenTab") -> None:
    tab = await open_tab()
    await tab.sign_in(account.key[:-1] + ("a" if account.key[-1] != "a" else "b"))
    await expect(tab.page.get_by_role("alert").filter(has_text="key")).to_be_visible()
    await expect(tab.page.get_by_text("Live activity")).not_to_be_visible()


async def test_data_are_shown_as_text_and_never_run(account: "Account", open_tab: "OpenTab") -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    await account.import_leads(
        {"external_id": evil, "first_name": evil, "email": "x@example.com", "notes": evil}, source=evil
    )
    tab = await open_tab()
    await tab.sign_in(account.key)
    await tab.page.get_by_role("button", name=evil).click()
    await expect(tab.page.get_by_role("dialog")).to_contain_text(evil)
    await expect(tab.page.locator("#feed-list")).to_contain_text(evil)
    assert await tab.page.locator("img[src=x], b").count() == 0
    assert await tab.page.title() != "owned"
    assert tab.problems == []


async def test_the_feed_can_be_paused_and_filtered(account: "Account", open_tab: "OpenTab") -> None:
    tab = await open_tab()
    await tab.sign_in(account.key)
    await tab.live()
    await tab.page.get_by_role("button", name="Pause").click()
    await account.import_leads(ZOE)
    pause = tab.page.locator("#feed-pause")
    await expect(pause).to_contain_text("new")
    await expect(tab.page.locator("#feed-list li")).to_have_count(0)
    await pause.click()
    await expect(tab.page.locator("#feed-list li")).not_to_have_count(0)
    await tab.page.get_by_label("Show", exact=True).select_option("problems")
    await expect(tab.page.get_by_text("Nothing of this kind lately.")).to_be_visible()


async def test_a_lost_connection_is_shown_and_mended(hub: LocalHub, account: "Account", open_tab: "OpenTab") -> None:
    tab = await open_tab()
    await tab.sign_in(account.key)
    await tab.live()
    await asyncio.to_thread(hub.kill, "gateway")
    await expect(tab.page.locator("#link-state")).to_have_text("Reconnecting")
    await asyncio.to_thread(hub.restart, "gateway")
    await asyncio.to_thread(hub.wait_ready)
    await tab.live()
    await account.import_leads(ZOE)
    await expect(tab.page.locator("#leads-body")).to_contain_text("Zoë Müller")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
async def test_it_is_accessible_and_fits(account: "Account", open_tab: "OpenTab", scheme: str, width: int) -> None:
    await account.import_leads(ZOE, {"external_id": "SF-2", "email": "not an address"})
    tab = await open_tab(color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce")
    await tab.page.goto(tab.url)
    await expect(tab.page.get_by_label("API key")).to_be_visible()
    await expect_accessible(tab.page)
    await tab.sign_in(account.key)
    await tab.page.locator("#feed-list li").first.wait_for()
    await expect_accessible(tab.page)
    assert await tab.page.evaluate("document.documentElement.scrollWidth") <= width
    await tab.page.get_by_role("button", name="Zoë Müller").click()
    await tab.page.locator(".history li").first.wait_for()
    await expect_accessible(tab.page)


async def expect_accessible(page: Any) -> None:
    """No violation that axe knows: contrast (AA), names, roles, landmarks, focus."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
