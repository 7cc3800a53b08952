"""Whatever is sent, the answer is a refusal in the envelope: never a 500, never a hang, never anything half done."""

import asyncio
import gzip
from typing import Any

import aiohttp
import pytest

from gateway.routes import ROUTES
from gateway.web.models_out import ErrorAnswer

JSON = {"Content-Type": "application/json"}
PLACES = {
    "lead_id": "5",
    "import_id": "01a20bae-76bd-7497-b717-98f231600000",
    "event_id": "01a20bae-76bd-7497-b717-98f231600000",
    "subscription_id": "1",
    "crm_type": "custom",
    "connection_id": "1",
}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"a":',
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "number": b"5",
    "not utf-8": b'{"a":"\xff"}',
    "deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "deep but legal json": b'{"a":' * 200 + b"1" + b"}" * 200,
    "huge number": b'{"lead_id":1e999,"premium":1e999,"plan":1e999,"first_name":1e999,"source":1e999,"leads":1e999}',
    "long number": b'{"lead_id":' + b"9" * 5000 + b"}",
    "nan": b'{"premium":NaN,"lead_id":NaN}',
    "nul": b'{"first_name":"a\\u0000","plan":"\\u0000","lead_id":5,"source":"\\u0000","leads":[]}',
    "surrogate": b'{"first_name":"\\ud800","plan":"\\ud800","lead_id":5,"source":"\\ud800","leads":[]}',
    "surrogate in details": b'{"plan":"p","lead_id":5,"details":{"a":"\\ud800"}}',
    "surrogate as name": b'{"\\ud800":{"\\ud800":[]}}',
    "wrong types": b'{"first_name":{},"lead_id":true,"plan":[],"source":5,"leads":{},"webhook_url":5,"events":{},'
    b'"api_key":5}',
    "over-long": b'{"first_name":"' + b"x" * 300 + b'","plan":"' + b"x" * 300 + b'","lead_id":5,"source":"x","leads":[5'
    + b",5" * 10_000 + b"]}",
}  # fmt: skip
# Where a body is well-formed and wrong in one place, that place is named.
PLACED = {
    "import_leads": ("wrong types", "over-long", "nul", "surrogate"),
    "create_lead": ("nul", "surrogate", "over-long", "wrong types", "huge number"),
    "change_lead": ("nul", "surrogate", "over-long", "wrong types", "huge number"),
    "complete_enrollment": ("nul", "surrogate", "over-long", "wrong types", "surrogate in details"),
    "add_subscription": ("wrong types",),
    "sign_in": ("wrong types",),
}
WRITING = [route for route in ROUTES if route.body]


async def refused(answer: aiohttp.ClientResponse, allowed: Any = range(400, 500)) -> ErrorAnswer:
    """The envelope of a refusal."""
    text = await answer.text()
    assert answer.status in allowed, (answer.status, text[:300])
    return ErrorAnswer.model_validate_json(text)


@pytest.mark.parametrize("route", WRITING, ids=lambda route: str(route.name))
async def test_bad_bodies(hub: Any, route: Any) -> None:
    await hub.pool.execute(
        "INSERT INTO leads.lead (account_id, id, version, fields, clocks, created_at, updated_at)"
        " VALUES ($1, 5, 1, '{}', '{}', now(), now())",
        hub.account_id,
    )
    address = route.path.format_map(PLACES)
    for name, body in BODIES.items():
        async with hub.client.request(route.method, address, data=body, headers=JSON) as answer:
            error = (await refused(answer)).error
            if name in PLACED.get(route.name, ()):
                assert error.details["field"], (name, error)
    await asyncio.sleep(0.1)
    assert hub.events == []


@pytest.mark.parametrize("route", WRITING, ids=lambda route: str(route.name))
async def test_bad_types_and_sizes(hub: Any, route: Any) -> None:
    address = route.path.format_map(PLACES)

    async def send(body: Any, **headers: str) -> int:
        async with hub.client.request(route.method, address, data=body, headers={**JSON, **headers}) as answer:
            await refused(answer)
            return int(answer.status)

    for media in (
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ):
        assert await send(b"{}", **{"Content-Type": media}) == 415
    bomb = gzip.compress(b"[" + b" " * 20_000_000 + b"]")
    assert await send(bomb, **{"Content-Encoding": "gzip"}) == 415

    async def chunks() -> Any:
        for _ in range(200):
            yield b'{"x":"' + b"y" * 65_536

    assert await send(chunks()) == 413


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/external/leads?limit=0", "limit"),
        ("/api/v1/external/leads?limit=501", "limit"),
        ("/api/v1/external/leads?limit=ten", "limit"),
        ("/api/v1/external/leads?limit=99999999999999999999999", "limit"),
        ("/api/v1/external/leads?limit=1&limit=2", "limit"),
        ("/api/v1/external/leads?cursor=zzz", "cursor"),
        ("/api/v1/external/leads?cursor=djE6OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "cursor"),
        ("/api/v1/external/leads?status=asleep", "status"),
        ("/api/v1/external/leads?updated_since=yesterday", "updated_since"),
        ("/api/v1/external/leads?updated_since=99999-01-01", "updated_since"),
        ("/api/v1/external/leads?updated_since=0001-01-01", "updated_since"),
        ("/api/v1/external/leads?updated_since=1736505000", "updated_since"),
        ("/api/v1/external/leads?email=a%00b", "email"),
        ("/api/v1/external/leads?q=%00%00", "q"),
        ("/api/v1/external/leads?q=x", "q"),
        ("/api/v1/external/leads?unknown=1", "unknown"),
        ("/api/v1/external/leads/5/history?cursor=djE6YQ", "cursor"),
        ("/api/v1/external/leads/export?format=xml", "format"),
        ("/api/v1/external/leads/export?date_from=soon", "date_from"),
        ("/api/v1/external/leads/export?date_to=9999-12-31", "date_to"),
        ("/api/v1/audit?to=9999-12-31", "to"),
        ("/api/v1/audit?lead_id=MPP-x", "lead_id"),
        ("/api/v1/audit?from=x", "from"),
        ("/api/v1/audit?cursor=djE6YQ", "cursor"),
        ("/api/v1/audit?event=%00", "event"),
        ("/api/v1/webhooks/subscriptions/1/deliveries?state=lost", "state"),
    ],
)
async def test_queries_out_of_range(hub: Any, path: str, field: str) -> None:
    async with hub.client.get(path) as answer:
        error = (await refused(answer, {422})).error
    assert error.details == {"field": field}


async def test_files_that_cannot_be_imported(hub: Any) -> None:
    address = "/api/v1/external/leads/import"

    async def send(media: str, body: bytes, **query: str) -> tuple[int, str, Any]:
        headers = {"Content-Type": media}
        async with hub.client.post(address, data=body, headers=headers, params=query) as answer:
            error = (await refused(answer)).error
            return answer.status, error.code, error.details.get("field")

    assert await send("text/csv", b"email\na@b.de\n") == (422, "MISSING_FIELD", "source")
    assert await send("application/x-ndjson", b"{}", source="") == (422, "TOO_SHORT", "source")
    assert await send("application/json", b'{"leads":[]}') == (422, "MISSING_FIELD", "source")
    assert await send("application/json", b'{"source":"s"}') == (422, "MISSING_FIELD", "leads")
    assert await send("application/json", b'{"source":"s","leads":[],"x":1}') == (422, "UNKNOWN_FIELD", "x")
    many = b'{"source":"s","leads":[' + b",".join([b"{}"] * 10_001) + b"]}"
    assert await send("application/json", many) == (422, "TOO_MANY", "leads")
    huge = b'{"source":"s","leads":["' + b"x" * 11_000_000 + b'"]}'
    assert (await send("application/json", huge))[:2] == (413, "TOO_LARGE")
    assert await hub.pool.fetchval("SELECT count(*) FROM control.import") == 0
    for key in ("", "x" * 256):
        headers = {"Idempotency-Key": key}
        async with hub.client.post(address, json={"source": "s", "leads": []}, headers=headers) as answer:
            assert (await refused(answer, {422})).error.details["field"] == "Idempotency-Key"
