"""Webhooks as the CRM makes them: believed when they are genuine and fresh, understood; anything else is refused."""

import random
from dataclasses import replace
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from hub.contracts.connector import Capability
from hub.contracts.errors import HubError, Unauthenticated
from hub.contracts.webhooks import WebhookParser, WebhookRecord, WebhookRequest, WebhookTrust

from .inbox import deliveries, lived, understood, until
from .nonsense import spoiled
from .stage import SECRET, Stage, tries


@tries(Capability.WEBHOOKS)
async def test_a_life_is_told(stage: Stage) -> None:
    async with deliveries(stage) as (inbox, trust):
        record_id = await lived(stage, inbox)
    records = [each for request in inbox.requests for each in understood(stage, trust, request)]
    assert {record.record_id for record in records} == {record_id}
    assert [record.event for record in records[:2]] != ["lead.deleted"] * 2
    assert all(record.event.startswith("lead.") and record.observed_at for record in records)
    # Every fact has a key of its own, and keeps it when it is told again.
    keys = [record.replay_key for record in records]
    assert len(set(keys)) == len(keys)
    again = [each.replay_key for request in inbox.requests for each in understood(stage, trust, request)]
    assert again == keys
    last = records[-1]
    gone = last.event == "lead.deleted" or last.fields.get("gone") is True
    if not gone:  # it says that something happened: what it was is read
        assert last.event == "lead.changed"
        (gone,) = [each.deleted for each in await stage.client().fetch([record_id])]
    assert gone


@tries(Capability.WEBHOOKS)
async def test_what_is_told_maps_to_the_record(stage: Stage) -> None:
    """With its fields, or as a hint to read it: in the end the hub has the new name."""
    async with deliveries(stage) as (inbox, trust):
        record_id = stage.create("Old", "old@example.com")
        await until(inbox.requests, 1)
        stage.rename(record_id, "New")
        await until(inbox.requests, 2)
    (record,) = understood(stage, trust, inbox.requests[1])
    fields = record.fields
    if record.event == "lead.changed":
        (read,) = await stage.client().fetch([record.record_id])
        fields = dict(read.fields)
    assert stage.mapping().inbound(fields).registers["last_name"] == "New"


@tries(Capability.WEBHOOKS)
async def test_forgeries_are_refused(stage: Stage) -> None:
    async with deliveries(stage) as (inbox, trust):
        await lived(stage, inbox)
    request = inbox.requests[0]
    understood(stage, trust, request)
    parser = stage.connector.webhook
    signed = not request.headers.getall("Authorization", [])
    forged = [
        replace(request, headers=CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json"}))),
        replace(request, headers=_doubled(request)),
        replace(request, headers=_changed(request, lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"))),
        replace(request, headers=_changed(request, lambda _: "")),
        replace(request, headers=_changed(request, lambda _: "\udcff\u2603")),
    ]
    if signed:  # Pipedrive signs nothing: a password is all there is
        forged += [replace(request, body=request.body + b" "), replace(request, body=request.body[:-1])]
    for each in forged:
        with pytest.raises(Unauthenticated):
            parser.verify(trust, each)
    for secret in (b"wrong", b"", SECRET.encode() + b"x"):
        with pytest.raises(Unauthenticated):
            parser.verify(replace(trust, secret=secret), request)


def _trusted(name: str) -> bool:
    return "signature" in name.lower() or name.lower() == "authorization"


def _changed(request: WebhookRequest, change: Any) -> Any:
    pairs = request.headers.items()  # type: ignore[attr-defined]
    return CIMultiDictProxy(
        CIMultiDict(
            [(name, change(text) if _trusted(name) and "Version" not in name else text) for name, text in pairs]
        )
    )


def _doubled(request: WebhookRequest) -> Any:
    pairs = list(request.headers.items())  # type: ignore[attr-defined]
    return CIMultiDictProxy(CIMultiDict([*pairs, *((name, text) for name, text in pairs if _trusted(name))]))


@tries(Capability.WEBHOOK_TIMESTAMP)
async def test_stale_and_future_ones_are_refused(stage: Stage) -> None:
    async with deliveries(stage) as (inbox, trust):
        await lived(stage, inbox)
    request = inbox.requests[0]
    for seconds in (-290, 0, 290):
        understood(stage, trust, replace(request, now=request.now + seconds))
    for seconds in (-3600, -302, 302, 3600, 10**9):
        with pytest.raises(Unauthenticated):
            understood(stage, trust, replace(request, now=request.now + seconds))


@pytest.mark.parametrize("seed", range(4))
@tries(Capability.WEBHOOKS)
async def test_any_value_of_a_body_may_be_anything(stage: Stage, seed: int) -> None:
    """Genuine, for the secret is known to whoever sends it; but nonsense. It is refused by name, or understood."""
    async with deliveries(stage) as (inbox, trust):
        await lived(stage, inbox)
    dice = random.Random(seed)
    parser, mapping = stage.connector.webhook, stage.mapping()
    for request in inbox.requests * 60:
        body = _json(spoiled(spoiled(orjson.loads(request.body), dice), dice))
        records = _parsed(parser, trust, replace(request, body=body))
        for record in records:
            assert record.record_id
            assert "\x00" not in record.record_id
            assert isinstance(record.replay_key, bytes)
            assert b"\\u0000" not in orjson.dumps(record.fields)
            mapping.inbound(record.fields)


def _parsed(parser: WebhookParser, trust: WebhookTrust, request: WebhookRequest) -> list[WebhookRecord]:
    """None, when the body is refused."""
    try:
        return parser.parse(trust, request)
    except HubError as error:
        refused = error
    assert refused.status in (400, 401, 422)
    orjson.dumps(refused.details)
    return []


def _json(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:
        return repr(document).encode("utf-8", "replace")


@tries(Capability.WEBHOOKS)
async def test_bodies_that_are_none(stage: Stage) -> None:
    async with deliveries(stage) as (inbox, trust):
        stage.create("Old", "old@example.com")
        await until(inbox.requests, 1)
    parser = stage.connector.webhook
    bodies = [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"5",
        b"[1]",
        b'"x"',
        b"<a",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
    ]
    bodies += [b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 50_000, b"[" + b"{}," * 100_000 + b"{}]"]
    for body in bodies:
        with pytest.raises(HubError) as refused:
            parser.parse(trust, replace(inbox.requests[0], body=body))
        assert refused.value.status in (400, 413, 422), body[:30]
