"""Webhooks from CRMs: what is let in, what is not, and that a repetition is the same event."""

import asyncio
import gzip
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from hub.contracts.events import CRM_RECORD_RECEIVED

SECRET = b"the webhook's own secret"
ADDRESS = "/api/v1/webhooks/crm/custom"
BODY = json.dumps({"event": "lead.created", "data": {"id": "EXT-789", "fields": {"first_name": "Jane"}}}).encode()


def signed(body: bytes, secret: bytes = SECRET, **headers: str) -> dict[str, str]:
    """Headers of the design document's webhook."""
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Webhook-Signature": f"sha256={signature}", **headers}


def stamped(body: bytes, moment: float, secret: bytes = SECRET) -> dict[str, str]:
    """Headers of mode timestamped."""
    stamp = str(int(moment))
    headers = signed(stamp.encode() + b"." + body, secret)
    return headers | {"X-Webhook-Timestamp": stamp}


async def post(hub: Any, address: str, body: bytes, headers: Any) -> tuple[int, Any]:
    async with hub.client.post(address, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("with_id", [False, True])
async def test_a_signed_webhook_is_on_the_bus_when_it_is_answered(hub: Any, with_id: bool) -> None:
    address = f"{ADDRESS}/{hub.connection_id}" if with_id else ADDRESS
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    status, body = await post(hub, address, BODY, signed(BODY, traceparent=trace))
    assert (status, body["status"]) == (200, "accepted")
    (event,) = await hub.received(1, CRM_RECORD_RECEIVED)
    assert (event.id, event.account_id, event.traceparent) == (body["event_id"], hub.account_id, trace)
    assert (event.data["record_id"], event.data["record"]) == ("EXT-789", {"first_name": "Jane"})
    assert event.data["connection_id"] == hub.connection_id
    assert event.data["actor"] == {"user": "custom", "ip_address": "127.0.0.1"}


async def test_a_repetition_is_answered_as_before_and_is_the_same_event(hub: Any) -> None:
    first = await post(hub, ADDRESS, BODY, signed(BODY))
    assert await post(hub, ADDRESS, BODY, signed(BODY)) == first
    other = BODY.replace(b"Jane", b"June")
    assert await post(hub, ADDRESS, other, signed(other)) != first
    same_id = [json.dumps({"event_id": "e1", **json.loads(BODY), "n": n}).encode() for n in (1, 2)]
    answers = [await post(hub, ADDRESS, body, signed(body)) for body in same_id]
    assert answers[0] == answers[1] != first


async def test_what_is_not_signed_properly_is_refused(hub: Any) -> None:
    good = signed(BODY)
    signature = good["X-Webhook-Signature"]
    bad: list[Any] = [
        {"Content-Type": "application/json"},
        good | {"X-Webhook-Signature": ""},
        good | {"X-Webhook-Signature": signature[7:]},
        good | {"X-Webhook-Signature": signature[:-1]},
        good | {"X-Webhook-Signature": f"sha1={signature[7:]}"},
        good | {"X-Webhook-Signature": f"sha256={'z' * 64}"},
        signed(BODY, b"another secret"),
        signed(BODY + b" "),
        [*good.items(), ("X-Webhook-Signature", signature)],
    ]
    for headers in bad:
        status, body = await post(hub, ADDRESS, BODY, headers)
        assert (status, body["error"]["code"]) == (401, "UNAUTHENTICATED"), headers
    assert not [event for event in hub.events if event.type == CRM_RECORD_RECEIVED]


async def test_a_stale_or_future_timestamp_is_refused(hub: Any) -> None:
    secret = b"secret of the stamped one"
    connection_id = await hub.add_connection("stamped", secret, mode="timestamped")
    await asyncio.sleep(0.3)
    address, now = f"{ADDRESS}/{connection_id}", time.time()
    assert (await post(hub, address, BODY, stamped(BODY, now, secret)))[0] == 200
    for moment in (now - 310, now + 310):
        assert (await post(hub, address, BODY, stamped(BODY, moment, secret)))[0] == 401
    assert (await post(hub, address, BODY, signed(BODY, secret)))[0] == 401
    fresh = stamped(BODY, now, secret) | {"X-Webhook-Timestamp": str(int(now) + 1)}
    assert (await post(hub, address, BODY, fresh))[0] == 401


async def test_among_several_connections_the_secret_tells(hub: Any) -> None:
    other = await hub.add_connection("other", b"the other one's secret")
    await asyncio.sleep(0.3)
    await post(hub, ADDRESS, BODY, signed(BODY))
    await post(hub, ADDRESS, BODY, signed(BODY, b"the other one's secret"))
    assert (await post(hub, ADDRESS, BODY, signed(BODY, b"nobody's secret")))[0] == 401
    events = await hub.received(2, CRM_RECORD_RECEIVED)
    assert [event.data["connection_id"] for event in events] == [hub.connection_id, other]
    await hub.add_connection("twin", SECRET)
    await asyncio.sleep(0.3)
    status, body = await post(hub, ADDRESS, BODY, signed(BODY))
    assert (status, body["error"]["code"]) == (409, "AMBIGUOUS_CONNECTION")


async def test_changes_of_connections_are_seen(hub: Any) -> None:
    limited = await hub.add_connection("limited", b"secret of the limited", allowed_ips=["192.0.2.0/24"])
    await asyncio.sleep(0.3)
    status, body = await post(hub, f"{ADDRESS}/{limited}", BODY, signed(BODY, b"secret of the limited"))
    assert (status, body["error"]["code"]) == (403, "ADDRESS_NOT_ALLOWED")
    await hub.pool.execute(
        "UPDATE control.connection SET status = 'disconnected', updated_at = now() WHERE id = $1", hub.connection_id
    )
    await asyncio.sleep(0.3)
    assert (await post(hub, f"{ADDRESS}/{hub.connection_id}", BODY, signed(BODY)))[0] == 404
    assert (await post(hub, ADDRESS, BODY, signed(BODY)))[0] == 401


async def test_bad_bodies_are_told_apart(hub: Any) -> None:
    cases: list[tuple[bytes, int, str | None]] = [
        (b"{", 400, None),
        (b"[]", 422, None),
        (b"\xff\xfe", 400, None),
        (b'{"event":"lead.created","data":{"id":"\\ud800"}}', 400, None),
        (b'{"event":"lead.created","data":{"id":"a\\u0000b","fields":{}}}', 422, "data.id"),
        (b'{"event":"lead.exploded","data":{"id":"1"}}', 422, "event"),
        (b'{"event":"lead.created","data":5}', 422, "data"),
        (b'{"event":"lead.created","data":{"id":"1","fields":{"x":1e999}}}', 400, None),
        (b'{"event":"lead.created","data":{"id":"1","fields":' + b'{"x":' * 400 + b"1" + b"}" * 402, 422, None),
        (b'{"event":"lead.created","data":{"id":"1","fields":{"x":' + b"9" * 400 + b"}}}", 400, None),
    ]
    for body, expected, place in cases:
        status, told = await post(hub, ADDRESS, body, signed(body))
        assert status == expected, (body[:80], told)
        if place:
            assert told["error"]["details"]["field"] == place
    assert (await post(hub, ADDRESS, BODY, signed(BODY) | {"Content-Type": "text/plain"}))[0] == 415
    packed = gzip.compress(BODY)
    assert (await post(hub, ADDRESS, packed, signed(packed) | {"Content-Encoding": "gzip"}))[0] == 415
    assert (await post(hub, "/api/v1/webhooks/crm/unknown", BODY, signed(BODY)))[0] == 404
    large = b'{"x":"' + b"y" * 1_100_000 + b'"}'
    assert (await post(hub, ADDRESS, large, signed(large)))[0] == 413


@pytest.mark.parametrize(
    ("version", "headers", "stays"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
async def test_the_answer_is_what_aiohttp_would_send(hub: Any, version: str, headers: str, stays: bool) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items())
    head = f"POST {ADDRESS} HTTP/{version}\r\nHost: x\r\n{headers}{lines}Content-Length: {len(BODY)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hub.url.rpartition(":")[2]))
    for _ in range(2 if stays else 1):
        writer.write(head.encode() + BODY)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:-2])
        assert answer.startswith(f"HTTP/{version} 200 OK\r\n")
        assert fields["Content-Type"].startswith("application/json")
        assert {"Date", "Server", "Content-Length"} <= fields.keys()
        body = json.loads(await reader.readexactly(int(fields["Content-Length"])))
        assert body["status"] == "accepted"
    if not stays:
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("target", "headers", "pieces", "status"),
    [
        (ADDRESS, "", 1, 200),
        (ADDRESS, "", 2, 200),
        (ADDRESS, "Expect: 100-continue\r\n", 1, 200),
        (ADDRESS + "?a=b", "", 1, 200),
        (f"http://x{ADDRESS}", "", 1, 200),
        (ADDRESS.replace("w", "%77"), "", 1, 200),
        (ADDRESS + "/", "", 1, 404),
        (ADDRESS.upper(), "", 1, 404),
    ],
)
async def test_with_and_without_the_router_the_answer_is_the_same(
    hub: Any, target: str, headers: str, pieces: int, status: int
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items())
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\n{headers}{lines}Content-Length: {len(BODY)}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hub.url.rpartition(":")[2]))
    middle = len(BODY) // 2 if pieces == 2 else len(BODY)
    for piece in (head.encode() + BODY[:middle], BODY[middle:]):
        writer.write(piece)
        await asyncio.sleep(0.05)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    if answer.startswith("HTTP/1.1 100"):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    if status == 200:
        assert len(await hub.received(1, CRM_RECORD_RECEIVED)) == 1
    writer.close()
    await writer.wait_closed()


async def test_a_connection_is_known_before_its_first_webhook_is_answered(make_hub: Any, database_url: str) -> None:
    async with make_hub(database_url, connection_cache_seconds=60) as hub:
        secrets = [b"secret one", b"secret two"]
        named = await hub.add_connection("first", secrets[0])
        assert (await post(hub, f"{ADDRESS}/{named}", BODY, signed(BODY, secrets[0])))[0] == 200
        await hub.add_connection("second", secrets[1])
        assert (await post(hub, ADDRESS, BODY, signed(BODY, secrets[1])))[0] == 200


async def test_bad_signatures_do_not_hammer_the_database(make_hub: Any, database_url: str) -> None:
    async with make_hub(database_url, connection_cache_seconds=60) as hub:
        bad = signed(BODY, b"nobody's secret")
        started = time.monotonic()
        answers = [await asyncio.gather(*(post(hub, ADDRESS, BODY, bad) for _ in range(20))) for _ in range(3)]
        assert {status for together in answers for status, _ in together} == {401}
        # Each waited for a look of its own time, and the looks are half a second apart.
        assert 1.0 <= time.monotonic() - started < 5.0
        assert (await post(hub, ADDRESS, BODY, signed(BODY)))[0] == 200
