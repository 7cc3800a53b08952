"""API v2 and v1 of the simulated Pipedrive, over plain HTTP: the checklist of what is easy to get wrong."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from simulators.kit.serving import Running
from simulators.pipedrive.app import running
from simulators.pipedrive.options import Options

from .rest import TOKEN

HOOK = {"subscription_url": "https://x.example.com/", "event_action": "*", "event_object": "*", "name": "x"}
Call = Callable[..., Any]


@pytest.fixture
async def call(crm: Running) -> AsyncIterator[Call]:
    """``await call(method, path, json)`` → (status, body)."""
    async with aiohttp.ClientSession() as session:

        async def send(method: str, path: str, json: Any = None, headers: Any = TOKEN) -> tuple[int, Any]:
            async with session.request(method, crm.url + path, json=json, headers=headers) as answer:
                content = await answer.read()
                return answer.status, orjson.loads(content) if content else None

        yield send


async def fields_of(call: Call, kind: str) -> dict[str, str]:
    """Keys of custom fields by name."""
    return dict((await call("GET", f"/control/fields/{kind}"))[1])


async def test_v2_creates_with_200_and_leads_with_201(call: Call) -> None:
    status, person = await call("POST", "/api/v2/persons", {"name": "Ann", "emails": [{"value": "a@b.c"}]})
    assert (status, person["success"]) == (200, True)
    assert person["data"]["emails"] == [{"value": "a@b.c", "primary": True, "label": "work"}]
    status, lead = await call("POST", "/api/v1/leads", {"title": "T", "person_id": person["data"]["id"]})
    assert status == 201
    assert len(lead["data"]["id"]) == 36
    assert lead["data"]["add_time"].endswith("Z")
    assert "." in lead["data"]["add_time"]
    status, gone = await call("DELETE", f"/v1/leads/{lead['data']['id']}")
    assert (status, gone) == (200, {"success": True, "data": {"id": lead["data"]["id"]}})


async def test_custom_fields_nest_in_v2_and_stand_at_the_top_of_leads(call: Call) -> None:
    keys = await fields_of(call, "deal")
    _, person = await call("POST", "/api/v2/persons", {"name": "Ann"})
    custom = {keys["Plan"]: "Gold", keys["Coverage"]: [105, 106], keys["Premium"]: {"value": 9.5, "currency": "USD"}}
    status, deal = await call("POST", "/api/v2/deals", {"title": "D", "custom_fields": custom})
    assert status == 200
    assert {key: deal["data"]["custom_fields"][key] for key in custom} == custom
    assert deal["data"]["custom_fields"][keys["Lead Source"]] is None

    body = {"title": "L", "person_id": person["data"]["id"], keys["Plan"]: "Gold", keys["Coverage"]: [105, 106],
            keys["Premium"]: 9.5, f"{keys['Premium']}_currency": "EUR", keys["Lead Source"]: "101"}  # fmt: skip
    status, lead = await call("POST", "/api/v1/leads", body)
    assert status == 201
    assert "custom_fields" not in lead["data"]
    assert keys["Effective Date"] not in lead["data"]
    shown = {name: value for name, value in lead["data"].items() if name[:40] in keys.values()}
    assert shown == {keys["Plan"]: "Gold", keys["Coverage"]: "105,106", keys["Premium"]: 9.5,
                     f"{keys['Premium']}_currency": "EUR", keys["Lead Source"]: "101"}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/api/v2/persons", {}, 400, "name: Required"),
        ("POST", "/api/v2/persons", {"name": "A", "owner_id": "1"}, 400, "owner_id: Expected number"),
        ("POST", "/api/v2/persons", {"name": "A", "email": "a@b.c"}, 400, "email: Unrecognized key"),
        ("POST", "/api/v2/persons", {"name": "A", "emails": "a@b.c"}, 400, "emails: Expected array"),
        ("POST", "/api/v2/persons", {"name": "A", "org_id": 9}, 400, "org_id: 9 does not exist"),
        ("POST", "/api/v2/persons", {"name": "A", "custom_fields": {"f" * 40: 1}}, 400, "unrecognized field"),
        ("POST", "/api/v2/persons", {"name": "A", "job_title": "Boss"}, 403, "Contact Sync"),
        ("POST", "/api/v2/deals", {"title": "D", "value": "12"}, 400, "value: Expected number"),
        ("POST", "/api/v2/deals", {"title": "D", "stage_id": 2, "pipeline_id": 2}, 400, "not in pipeline"),
        ("POST", "/api/v1/leads", {"title": "L"}, 400, 'One of the "person_id" or "organization_id" must be set.'),
        ("POST", "/api/v1/leads", {"title": "L", "f" * 40: "x"}, 400, "Unrecognized key"),
        ("GET", "/api/v2/persons?updated_since=2026-01-01T00:00:00.000Z", None, 400, "not a valid datetime"),
        ("GET", "/api/v2/persons?limit=501", None, 400, "limit"),
        ("GET", "/api/v2/persons?cursor=nonsense", None, 400, "cursor"),
        ("GET", "/api/v2/persons/search?term=a", None, 400, "at least 2 characters"),
        ("GET", "/api/v2/persons/7", None, 404, "Person not found"),
        ("GET", "/api/v1/leads/7", None, 404, "requested lead not found"),
        ("POST", "/api/v2/leads/7/convert/deal", {}, 404, "Entity was not found"),
        ("GET", "/api/v1/persons", None, 410, "no longer available"),
        ("GET", "/api/v1/deals/1", None, 410, "no longer available"),
        ("GET", "/api/v3/persons", None, 404, "Not Found"),
        ("PUT", "/api/v2/persons/1", {}, 405, "Method Not Allowed"),
    ],
)
async def test_refusals(call: Call, method: str, path: str, body: Any, status: int, says: str) -> None:
    got, error = await call(method, path, body)
    assert (got, error["success"]) == (status, False)
    assert says in error["error"]
    if status == 400 and "/v2/" in path:
        assert error["code"] == "ERR_SCHEMA_VALIDATION_FAILED"


async def test_set_clears_by_null_and_enum_knows_its_options(call: Call) -> None:
    keys = await fields_of(call, "person")
    _, made = await call("POST", "/api/v2/persons", {"name": "A", "custom_fields": {keys["Interests"]: [10]}})
    path = f"/api/v2/persons/{made['data']['id']}"
    assert (await call("PATCH", path, {"custom_fields": {keys["Interests"]: []}}))[0] == 400
    assert (await call("PATCH", path, {"custom_fields": {keys["Lead Source"]: 99}}))[0] == 400
    assert (await call("PATCH", path, {"custom_fields": {keys["Lead Source"]: "Website"}}))[0] == 400
    _, cleared = await call("PATCH", path, {"custom_fields": {keys["Interests"]: None}})
    assert cleared["data"]["custom_fields"][keys["Interests"]] is None


async def test_cursors_survive_changes_and_follow_the_time(crm: Running, call: Call) -> None:
    await call("POST", "/control/seed", {"object": "person", "count": 30})
    crm.world.clock.advance(60)
    await call("POST", "/control/edit", {"object": "person", "edits": [{"id": 5, "fields": {"name": "Late One"}}]})
    _, first = await call("GET", "/api/v2/persons?sort_by=update_time&limit=20")
    crm.world.clock.advance(60)
    await call("PATCH", "/api/v2/persons/3", {"name": "Later One"})
    cursor = first["additional_data"]["next_cursor"]
    _, second = await call("GET", f"/api/v2/persons?sort_by=update_time&limit=20&cursor={cursor}")
    assert second["additional_data"]["next_cursor"] is None
    ids = [each["id"] for each in first["data"] + second["data"]]
    assert set(ids) == set(range(1, 31))
    assert ids[-2:] == [5, 3]
    since = second["data"][-1]["update_time"]
    _, news = await call("GET", f"/api/v2/persons?updated_since={since}")
    assert [each["id"] for each in news["data"]] == [3]
    _, backwards = await call("GET", "/api/v2/persons?sort_by=id&sort_direction=desc&limit=2")
    assert [each["id"] for each in backwards["data"]] == [30, 29]


async def test_a_change_of_nothing_moves_no_time(crm: Running, call: Call) -> None:
    await call("POST", "/control/seed", {"object": "person", "records": [{"name": "Ann Lee"}]})
    _, before = await call("GET", "/api/v2/persons/1")
    crm.world.clock.advance(60)
    assert (await call("PATCH", "/api/v2/persons/1", {"name": "Ann Lee"}))[1] == before


async def test_the_deleted_are_kept_for_thirty_days(crm: Running, call: Call) -> None:
    await call("POST", "/control/seed", {"object": "deal", "count": 3})
    await call("DELETE", "/api/v2/deals/2")
    assert [each["id"] for each in (await call("GET", "/api/v2/deals"))[1]["data"]] == [1, 3]
    _, gone = await call("GET", "/api/v2/deals?status=deleted")
    assert [(each["id"], each["is_deleted"]) for each in gone["data"]] == [(2, True)]
    assert (await call("GET", "/api/v2/deals/2"))[1]["data"]["is_deleted"] is True
    assert (await call("PATCH", "/api/v2/deals/2", {"title": "x"}))[0] == 404
    crm.world.clock.advance(31 * 86_400)
    assert (await call("GET", "/api/v2/deals?status=deleted"))[1]["data"] == []
    assert (await call("GET", "/api/v2/deals/2"))[0] == 404


async def test_leads_page_by_start_and_archive(call: Call) -> None:
    await call("POST", "/control/seed", {"object": "lead", "count": 25})
    _, first = await call("GET", "/api/v1/leads?limit=20")
    assert first["additional_data"] == {
        "start": 0, "limit": 20, "more_items_in_collection": True, "next_start": 20
    }  # fmt: skip
    _, second = await call("GET", "/api/v1/leads?limit=20&start=20")
    assert (len(second["data"]), second["additional_data"]["more_items_in_collection"]) == (5, False)
    one = second["data"][0]["id"]
    await call("PATCH", f"/api/v1/leads/{one}", {"is_archived": True})
    assert len((await call("GET", "/api/v1/leads"))[1]["data"]) == 24
    assert [each["id"] for each in (await call("GET", "/api/v1/leads/archived"))[1]["data"]] == [one]
    _, sorted_ = await call("GET", "/api/v1/leads?sort=title%20DESC&limit=3")
    titles = [each["title"] for each in sorted_["data"]]
    assert titles == sorted(titles, reverse=True)


async def test_search_lags_and_knows_no_case_but_field_search_does(crm: Running, call: Call) -> None:
    keys = await fields_of(call, "person")
    await call("POST", "/control/limits", {"search_lag": 30})
    body = {"name": "Ann", "emails": [{"value": "Ann@B.com"}], "custom_fields": {keys["Member Type"]: "MPP-1"}}
    await call("POST", "/api/v2/persons", body)
    by_mail = "/api/v2/persons/search?term=ann@b.COM&fields=email&exact_match=true"
    by_field = f"/api/v2/itemSearch/field?entity_type=person&field={keys['Member Type']}&match=exact&term="
    assert (await call("GET", by_mail))[1]["data"]["items"] == []
    crm.world.clock.advance(31)
    assert [each["item"]["id"] for each in (await call("GET", by_mail))[1]["data"]["items"]] == [1]
    assert [each["item"]["id"] for each in (await call("GET", by_field + "MPP-1"))[1]["data"]] == [1]
    assert (await call("GET", by_field + "mpp-1"))[1]["data"] == []
    assert (await call("GET", "/api/v2/persons/search?term=nn@b"))[1]["data"]["items"][0]["item"]["name"] == "Ann"


async def test_recents_have_everything_but_leads(crm: Running, call: Call) -> None:
    await call("POST", "/control/seed", {"object": "lead", "count": 2})
    crm.world.clock.advance(60)
    await call("DELETE", "/api/v2/persons/1")
    _, recent = await call("GET", "/api/v1/recents?since_timestamp=2020-01-01%2000:00:00")
    assert [(each["item"], each["id"], each["data"]["active_flag"]) for each in recent["data"]] == [
        ("person", 2, True), ("person", 1, False)
    ]  # fmt: skip
    assert recent["additional_data"]["pagination"]["more_items_in_collection"] is False


async def test_fields_and_their_options(call: Call) -> None:
    wish = {"field_name": "Tier", "field_type": "enum", "options": [{"label": "A"}, {"label": "B"}]}
    _, made = await call("POST", "/api/v2/dealFields", wish)
    path = f"/api/v2/dealFields/{made['data']['field_code']}"
    _, added = await call("POST", path + "/options", [{"label": "C"}])
    ids = [each["id"] for each in made["data"]["options"] + added["data"]]
    await call("PATCH", path + "/options", [{"id": ids[0], "label": "AA"}])
    await call("DELETE", path + "/options", [{"id": ids[1]}])
    _, field = await call("GET", path)
    assert field["data"]["options"] == [{"id": ids[0], "label": "AA"}, {"id": ids[2], "label": "C"}]
    _, page = await call("GET", "/api/v2/dealFields?limit=5")
    assert (len(page["data"]), page["data"][0]["is_custom_field"]) == (5, False)
    _, of_leads = await call("GET", "/api/v1/leadFields?limit=500")
    assert made["data"]["field_code"] in {each["key"] for each in of_leads["data"]}
    assert (await call("DELETE", path))[0] == 200
    assert (await call("GET", path))[0] == 404


async def test_options_switch_what_is_uncertain() -> None:
    async with (
        running(Options(nested_pagination=True, deleted_visible=False)) as crm,
        aiohttp.ClientSession() as session,
    ):
        crm.world.seed("lead", 1, None, 1)
        crm.world.delete("person", "1")
        async with session.get(crm.url + "/api/v1/leads", headers=TOKEN) as answer:
            assert (await answer.json())["additional_data"]["pagination"]["start"] == 0
        async with session.get(crm.url + "/api/v2/persons/1", headers=TOKEN) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v2/persons?cursor=WyJpZCIsZmFsc2UsWyJ4Iix7fV1d", None),
        ("GET", "/api/v2/persons?cursor=LTU=", None),
        ("GET", "/api/v2/persons/search?term=ab&cursor=LTU=", None),
        ("GET", "/api/v2/personFields?cursor=LTU=", None),
        ("GET", "/api/v2/persons?owner_id=%C2%B2", None),
        ("GET", "/api/v2/persons?ids=1,%C2%B2", None),
        ("GET", "/api/v2/persons?updated_since=0001-01-01T00:00:00%2B14:00", None),
        ("GET", "/api/v1/leads?updated_since=0001-01-01T00:00:00%2B14:00", None),
        ("GET", "/api/v1/leads?start=-1", None),
        ("GET", "/api/v1/leads/search?term=ab&start=x", None),
        ("GET", "/api/v2/itemSearch/field?entity_type=x&field=y&term=z", None),
        ("POST", "/api/v2/persons", []),
        ("POST", "/api/v2/persons", {"name": "x", "add_time": "2026-02-30T00:00:00Z"}),
        ("POST", "/api/v2/persons", {"name": "x", "custom_fields": []}),
        ("POST", "/api/v2/personFields", {"field_name": "x", "field_type": []}),
        ("POST", "/api/v2/personFields/name/options", {"label": 1}),
        ("POST", "/api/v1/leads", {"title": "x", "person_id": 1, "label_ids": [5]}),
        ("POST", "/api/v1/leads", {"title": "x", "person_id": 1, "value": {"amount": 1, "currency": 5}}),
        ("POST", "/api/v1/webhooks", {**HOOK, "user_id": "x"}),
        ("POST", "/api/v1/webhooks", {**HOOK, "http_auth_user": 5}),
    ],
)
async def test_nonsense_is_refused_not_crashed_on(call: Call, method: str, path: str, body: Any) -> None:
    status, error = await call(method, path, body)
    assert (400 <= status < 500, error["success"]) == (True, False)


async def test_times_are_kept_in_utc(call: Call) -> None:
    _, made = await call("POST", "/api/v2/persons", {"name": "x", "add_time": "2026-01-01T02:00:00+02:00"})
    assert made["data"]["add_time"] == "2026-01-01T00:00:00Z"


async def test_a_pager_that_never_ends_and_an_index_that_lags(crm: Running, call: Call) -> None:
    await call("POST", "/control/seed", {"object": "person", "count": 10})
    await call("POST", "/control/faults", {"rules": [{"kind": "stuck_cursor"}, {"kind": "index_lag", "seconds": 60}]})
    _, first = await call("GET", "/api/v2/persons?limit=4")
    _, again = await call("GET", f"/api/v2/persons?limit=4&cursor={first['additional_data']['next_cursor']}")
    assert again == first
    await call("POST", "/api/v2/persons", {"name": "Somebody New"})
    assert (await call("GET", "/api/v2/persons/search?term=somebody"))[1]["data"]["items"] == []
    crm.world.clock.advance(61)
    assert len((await call("GET", "/api/v2/persons/search?term=somebody"))[1]["data"]["items"]) == 1


async def test_as_a_process_it_starts_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulators.pipedrive", "--port", "0", "--api-token", "t1", "--plan", "lite"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=tmp_path)
    assert process.stdout
    url = (await process.stdout.readline()).decode().split()[-1]
    async with (
        aiohttp.ClientSession(headers={"x-api-token": "t1"}) as session,
        session.get(url + "/api/v2/deals") as answer,
    ):
        assert (answer.status, answer.headers["x-ratelimit-limit"]) == (200, "20")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
