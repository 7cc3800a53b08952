"""A CRM (or whatever answers in its place) that does not do as it should: always a named error, never a crash."""

import gzip
import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson
import pytest

from hub.contracts.connector import PullRequest
from hub.contracts.failures import CrmFailure
from hub.contracts.pulling import PullMode

from .nonsense import spoiled
from .operations import failure_of, operations
from .road import Call, Reply, Stranger, said
from .stage import Granted, Stage, everywhere

PAGE = b"<!doctype html><html><title>Just a moment...</title></html>"
HTML = {"Content-Type": "text/html"}
ROADS: Mapping[str, tuple[Callable[[Reply], Reply], set[str]]] = {
    "html": (lambda _: Reply(200, PAGE, HTML), {"HTML_ANSWER"}),
    "html as json": (lambda _: Reply(200, PAGE, {"Content-Type": "application/json"}), {"HTML_ANSWER"}),
    "html 502": (lambda _: Reply(502, PAGE, HTML), {"HTML_ANSWER", "HTTP_502"}),
    "html 404": (lambda _: Reply(404, PAGE, HTML), {"HTML_ANSWER", "HTTP_404"}),
    "half": (lambda reply: Reply(200, (reply.body or b'{"a":1}')[:-3] + b"\\", reply.headers), {"NOT_JSON"}),
    "cut": (lambda reply: Reply(200, b"x" * 2000, cut=True), {"CONNECTION_LOST"}),
    "lost": (lambda _: Reply(lost=True), {"CONNECTION_LOST"}),
    "not compressed": (lambda reply: Reply(200, reply.body + b"..", {"Content-Encoding": "gzip"}), {"CONNECTION_LOST"}),
    "not text": (lambda _: Reply(200, b'{"data":"\xff\xfe"}'), {"NOT_JSON"}),
    "deep": (lambda _: Reply(200, b"[" * 100_000 + b"]" * 100_000), {"NOT_JSON"}),
    "server": (lambda _: said({}, 500), {"HTTP_500"}),
    "teapot": (lambda _: said({"message": "no"}, 418), {"HTTP_418"}),
}  # fmt: skip


@pytest.mark.parametrize("road", ROADS)
@everywhere
async def test_a_bad_road_is_named(stage: Stage, road: str) -> None:
    (known, _) = stage.seed(2)
    spoil, codes = ROADS[road]
    stage.road.spoil = lambda call, reply: spoil(reply) if call.api else reply
    for name, operation in operations(stage, known).items():
        error = await failure_of(stage, operation)
        if stage.crm_type == "custom" and name == "delete" and road in ("half", "not text", "deep"):
            continue  # a CRM may say anything to that, except a web page
        assert error is not None, name
        assert error.code in codes, (name, error)


@pytest.mark.parametrize("body", [b"", b"null", b"5", b'"text"', b"[]", b"{}", b"[[]]", b"[1]", b'[{"a":1}]'])
@everywhere
async def test_an_answer_of_another_shape_stores_nothing_false(stage: Stage, body: bytes) -> None:
    (known, _) = stage.seed(2)
    stage.road.spoil = lambda call, reply: Reply(200, body, {"Content-Type": "application/json"}) if call.api else reply
    for name, operation in operations(stage, known).items():
        error = await failure_of(stage, operation)
        an_id_alone = stage.crm_type == "custom" and body in (b"5", b'"text"')
        if name in ("create", "mixed") and not an_id_alone:
            assert error is not None, (name, body)


@everywhere
async def test_a_failure_under_a_status_of_success(stage: Stage) -> None:
    (known, _) = stage.seed(2)
    stage.road.spoil = lambda call, reply: said(stage.wrong) if call.api else reply
    for name, operation in operations(stage, known).items():
        assert await failure_of(stage, operation) is not None, name


@everywhere
async def test_nobody_is_gone_because_an_answer_is_strange(stage: Stage) -> None:
    """What is thought to be gone is unlinked and archived: that takes a plain word of the CRM."""
    known = stage.seed(3)
    strange = [spoil(Reply()) for spoil, _ in ROADS.values()]
    strange += [Reply(200, body) for body in (b"", b"5", b'"x"', b"[1]", b'{"a":1}', b'[{"a":1}]', b'{"data":{"a":1}}')]
    strange += [said(stage.wrong), said({"error": "not today"})]
    for reply in strange:
        stage.road.spoil = lambda call, _reply, reply=reply: reply if call.api else _reply
        with pytest.raises(CrmFailure):
            await stage.client().fetch(known[:1])
        with pytest.raises(CrmFailure):
            await stage.client().pull(PullRequest(PullMode.FULL))
        (result,) = await stage.client().push([stage.item(1, {"last_name": "L"}, known[0])])
        assert not result.gone


@everywhere
async def test_an_answer_without_end(stage: Stage) -> None:
    (known, _) = stage.seed(2)
    huge = Reply(200, b'{"data":["' + b"x" * 33_000_000 + b'"]}', {"Content-Type": "application/json"})
    stage.road.spoil = lambda call, reply: huge if call.api else reply
    for name in ("full", "create"):
        error = await failure_of(stage, operations(stage, known)[name])
        assert error is not None
        assert error.code == "ANSWER_TOO_LARGE"


@everywhere
async def test_a_small_answer_that_unpacks_to_a_large_one(stage: Stage) -> None:
    packed = gzip.compress(b" " * 60_000_000, 1)
    stage.road.spoil = lambda _call, reply: Reply(200, packed, {"Content-Encoding": "gzip"})
    with pytest.raises(CrmFailure) as refused:
        await stage.client().pull(PullRequest(PullMode.FULL))
    assert refused.value.error.code in ("ANSWER_TOO_LARGE", "CONNECTION_LOST")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@everywhere
async def test_redirects_are_not_followed(stage: Stage, foreigner: Stranger, status: int) -> None:
    (known, _) = stage.seed(2)
    away = Reply(status, b"", {"Location": f"{foreigner.url}/steal"})
    stage.road.instead = lambda call: away if call.api else None
    for name, operation in operations(stage, known).items():
        error = await failure_of(stage, operation)
        assert error is not None, name
        assert error.code == "REDIRECT_REFUSED", name
    (result,) = await stage.client().push([stage.item(1, {"last_name": "L"})])
    if any(call.creates for call in stage.road.calls[-1:]):
        assert result.unknown_outcome  # a CRM may store, and then lead on to what it made


@pytest.mark.parametrize("seed", range(int(os.environ.get("SEEDS", "8"))))
@everywhere
async def test_any_value_may_be_anything(stage: Stage, seed: int) -> None:
    """Whatever stands where something else should: named, or borne; nothing else is raised."""
    dice = random.Random(seed)
    ids = stage.seed(4)
    await stage.client().push([stage.item(8, {"last_name": "L", "email": "8@example.com", "custom.tier": "gold"})])

    def spoil(call: Call, reply: Reply) -> Reply:
        if not call.api or dice.random() < 0.3:
            return reply
        try:
            document = reply.json() if reply.body else {}
        except orjson.JSONDecodeError:
            return reply
        return Reply(reply.status, json.dumps(spoiled(document, dice)).encode(), reply.headers)

    stage.road.spoil = spoil
    for operation in operations(stage, ids[0]).values():
        for _ in range(3):
            await failure_of(stage, operation)


@everywhere
async def test_a_broken_letter_costs_no_page(stage: Stage) -> None:
    """Half a surrogate pair, as programs leave it that cut texts by length; valid JSON, but no Unicode."""
    ids = stage.seed(3)
    stage.road.spoil = lambda _call, reply: Reply(
        reply.status, reply.body.replace(b"L1", b"cut \\ud83d"), reply.headers
    )
    records = (await stage.client().pull(PullRequest(PullMode.FULL))).records
    names = {each.record_id: stage.mapping().inbound(each.fields).registers["last_name"] for each in records}
    assert names == {ids[0]: "L0", ids[1]: "cut \ufffd", ids[2]: "L2"}
    assert orjson.dumps([dict(each.fields) for each in records])


@pytest.mark.parametrize(
    "stamp", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999+00:00", "soon", "", "-1", "1e300"]
)
@pytest.mark.parametrize("stage", ["custom"], indirect=True)
async def test_a_date_that_is_none_stops_no_changes(stage: Stage, stamp: str) -> None:
    """One record's nonsense is in the cursor afterwards, if it is believed."""
    ids = stage.seed(3)
    known = f'"{ids[1]}"'.encode()

    def spoil(_call: Call, reply: Reply) -> Reply:
        document = reply.json()
        for row in document["data"]:
            row["updated_at"] = stamp if known == f'"{row["id"]}"'.encode() else row["updated_at"]
        return reply.saying(document)

    stage.road.spoil = spoil
    page = await stage.client().pull(PullRequest(PullMode.FULL))
    assert len(page.records) == 3
    stage.rename(ids[0], "New")
    page = await stage.client().pull(PullRequest(PullMode.CHANGES, page.cursor))
    assert ids[0] in {record.record_id for record in page.records}
    page = await stage.client().pull(PullRequest(PullMode.CHANGES, page.cursor))
    assert page.done


@everywhere
async def test_nobody_listens(stage: Stage) -> None:
    (known, _) = stage.seed(2)
    nowhere = dict.fromkeys(stage.app.hosts, "http://127.0.0.1:9")
    stage.app = replace(stage.app, hosts=nowhere)
    if isinstance(stage.tokens, Granted):
        stage.tokens.grant = replace(stage.tokens.grant, base_url="http://127.0.0.1:9")
    else:
        stage.road.url = "http://127.0.0.1:9"
    for name, operation in operations(stage, known).items():
        error = await failure_of(stage, operation)
        assert error is not None
        assert error.code == "UNREACHABLE", name
