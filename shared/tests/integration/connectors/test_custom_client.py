"""The custom connector's client against a CRM that listens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hub.contracts.connector import ClientSettings, CrmClient
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import FixedToken
from hub.contracts.pushing import PushItem
from hub.local.ports import free_port
from hub.registry import CONNECTORS
from simulators.custom.app import Running, running
from simulators.custom.faults import Faults

KEY = "canary-key-77f0"


@pytest.fixture
async def crm(tmp_path: Path) -> AsyncIterator[Running]:
    """A simulated CRM."""
    async with running(tmp_path / "crm.sqlite", KEY) as crm:
        yield crm


Open = Callable[..., CrmClient]


@pytest.fixture
async def client() -> AsyncIterator[Open]:
    """``client(url, **config)`` opens a client that may call loopback."""
    opened: list[CrmClient] = []

    def open_client(url: str, *, key: str = KEY, allow: str = "127.0.0.0/8", **config: Any) -> CrmClient:
        document = {"crm_type": "custom", "base_url": url, **config}
        settings = ClientSettings(document, FixedToken(key), egress_allow=(allow,) if allow else (), timeout=1.0)
        opened.append(CONNECTORS["custom"].client(settings))
        return opened[-1]

    yield open_client
    for each in opened:
        await each.close()


def item(lead_id: int = 1, external_id: str | None = None, **fields: Any) -> PushItem:
    return PushItem(lead_id, external_id, f"MPP-{lead_id}", fields, fields)


async def test_create_update_and_find(crm: Running, client: Open) -> None:
    api = client(f"{crm.url}/v2", update_method="PATCH")
    await api.test()
    (created,) = await api.push([item(first_name="Ana", email="ana@example.com")])
    assert (created.ok, created.action) == (True, "create")
    (updated,) = await api.push([item(1, created.external_id, first_name="Anna")])
    assert (updated.ok, updated.action, updated.external_id) == (True, "update", created.external_id)
    (record,) = crm.crm.store.everything()
    assert (record["first_name"], record["email"], record["external_id"]) == ("Anna", "ana@example.com", "MPP-1")
    assert await api.find("MPP-1", None) == created.external_id
    assert await api.find("MPP-2", "ana@example.com") is None  # that record is another lead's


async def test_a_record_without_reference_is_found_by_its_email_if_it_is_the_only_one(
    crm: Running, client: Open
) -> None:
    api = client(f"{crm.url}/v2")
    one = crm.crm.create({"email": "Bo@example.com"}, by_api=False)
    assert await api.find("MPP-1", "bo@example.com") == one["id"]
    crm.crm.create({"email": "bo@example.com"}, by_api=False)
    assert await api.find("MPP-1", "bo@example.com") is None


async def test_results_keep_the_order_of_items(crm: Running, client: Open) -> None:
    items = [item(number, email="bad" if number % 3 == 0 else f"p{number}@example.com") for number in range(1, 40)]
    results = await client(f"{crm.url}/v2").push(items)
    assert [result.ok for result in results] == [number % 3 != 0 for number in range(1, 40)]
    bad = results[2]
    assert bad.error is not None
    assert (bad.kind, bad.error.code, bad.error.field, bad.error.attempted_value) == (
        FailureKind.VALIDATION,
        "INVALID_EMAIL",
        "email",
        "bad",
    )


@pytest.mark.parametrize(
    ("faults", "kind", "code", "unknown"),
    [
        (Faults(reset_before_next=1), FailureKind.NETWORK, "CONNECTION_LOST", True),
        (Faults(reset_after_next=1), FailureKind.NETWORK, "CONNECTION_LOST", True),
        (Faults(latency_ms=1500), FailureKind.NETWORK, "TIMEOUT", True),
        (Faults(error_next=1), FailureKind.SERVER, "INTERNAL", True),
        (Faults(html_next=1), FailureKind.SERVER, "HTML_ANSWER", True),
        (Faults(rate_limit_next=1, retry_after=3), FailureKind.RATE_LIMIT, "RATE_LIMITED", False),
        (Faults(refuse_key_next=1), FailureKind.AUTH, "INVALID_KEY", False),
    ],
)
async def test_each_fault_has_a_name(
    crm: Running, client: Open, faults: Faults, kind: FailureKind, code: str, unknown: bool
) -> None:
    crm.crm.gate.faults = faults
    (result,) = await client(f"{crm.url}/v2").push([item(first_name="Ana")])
    assert result.error is not None
    assert (result.ok, result.kind, result.error.code, result.unknown_outcome) == (False, kind, code, unknown)
    assert result.retry_after == (3 if kind is FailureKind.RATE_LIMIT else None)


async def test_a_crm_that_is_not_there_or_not_public_is_never_sent_anything(crm: Running, client: Open) -> None:
    (away,) = await client(f"http://127.0.0.1:{free_port()}").push([item()])
    (private,) = await client(f"{crm.url}/v2", allow="").push([item()])
    for result, code in ((away, "UNREACHABLE"), (private, "ADDRESS_REFUSED")):
        assert result.error is not None
        assert (result.kind, result.error.code, result.unknown_outcome) == (FailureKind.NETWORK, code, False)
    assert not crm.crm.requests


async def test_failures_of_other_calls_are_raised(crm: Running, client: Open) -> None:
    with pytest.raises(CrmFailure) as caught:
        await client(f"{crm.url}/v2", key="wrong").test()
    assert caught.value.kind is FailureKind.AUTH
    crm.crm.gate.faults = Faults(rate_limit_next=1, retry_after=2)
    with pytest.raises(CrmFailure) as caught:
        await client(f"{crm.url}/v2").find("MPP-1", None)
    assert (caught.value.kind, caught.value.retry_after) == (FailureKind.RATE_LIMIT, 2)


async def _serve(handler: Any) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def test_redirects_are_not_followed(crm: Running, client: Open) -> None:
    async def elsewhere(_request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{crm.url}/v2/leads")

    runner, url = await _serve(elsewhere)
    (result,) = await client(url).push([item()])
    await runner.cleanup()
    assert result.error is not None
    assert result.error.code == "REDIRECT_REFUSED"
    assert not crm.crm.requests


async def test_an_endless_answer_is_cut_off(client: Open) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 100_000)
        return response

    runner, url = await _serve(flood)
    (result,) = await client(url).push([item()])
    await runner.cleanup()
    assert result.error is not None
    assert result.error.code == "ANSWER_TOO_LARGE"


async def test_a_silent_crm_times_out(client: Open) -> None:
    async def silent(_request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    runner, url = await _serve(silent)
    (result,) = await client(url).push([item()])
    assert result.error is not None
    assert (result.error.code, result.unknown_outcome) == ("TIMEOUT", True)
    await asyncio.wait_for(runner.shutdown(), 5)


async def test_ids_and_references_are_quoted(crm: Running, client: Open) -> None:
    seen: list[str] = []

    async def echo(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {request.raw_path}")
        return web.json_response([] if request.method == "GET" else {"id": 1})

    runner, url = await _serve(echo)
    api = client(f"{url}/v2", endpoints={"find_lead": "/search?q={reference}&exact=1"})
    await api.push([item(1, "../../admin?x=1#y")])
    await api.find("MPP-1&all=1", None)
    await runner.cleanup()
    assert seen == ["PUT /v2/leads/..%2F..%2Fadmin%3Fx%3D1%23y", "GET /v2/search?q=MPP-1%26all%3D1&exact=1"]
