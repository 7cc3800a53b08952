"""The simulated HubSpot over plain HTTP: search."""

import time
from typing import Any

import pytest

from simulators.kit.serving import Running

from .rest import CONTACTS, Call


def changed(operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"propertyName": "lastmodifieddate", "operator": operator, "value": str(value), **more}


async def test_search_ends_at_ten_thousand(crm: Running, call: Call) -> None:
    ids = crm.world.seed("contacts", 10_500, None, 1)
    query = {"filterGroups": [{"filters": [changed("GTE", 0)]}], "limit": 200,
             "sorts": [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]}  # fmt: skip
    status, page = await call("POST", f"{CONTACTS}/search", {**query, "after": "9800"})
    assert (status, page["total"], page["paging"]) == (200, 10_500, {"next": {"after": "10000"}})
    status, error = await call("POST", f"{CONTACTS}/search", {**query, "after": "10000"})
    assert (status, error["category"]) == (400, "VALIDATION_ERROR")

    last = page["results"][-1]
    window = [{"filters": [changed("GT", last["properties"]["lastmodifieddate"])]},
              {"filters": [changed("EQ", last["properties"]["lastmodifieddate"]),
                           {"propertyName": "hs_object_id", "operator": "GT", "value": last["id"]}]}]  # fmt: skip
    found: list[str] = []
    for after in range(0, 600, 200):
        _, page = await call("POST", f"{CONTACTS}/search", {**query, "filterGroups": window, "after": str(after)})
        found += [each["id"] for each in page["results"]]
    assert found == ids[10_000:]


async def test_search_is_quick(crm: Running, call: Call) -> None:
    crm.world.seed("contacts", 30_000, None, 1)
    query = {"filterGroups": [{"filters": [changed("GTE", 0)]}], "limit": 200,
             "sorts": [{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}]}  # fmt: skip
    started = time.process_time()
    for after in range(0, 10_000, 200):
        await call("POST", f"{CONTACTS}/search", {**query, "after": str(after)})
    assert time.process_time() - started < 5  # of the processor: sorting anew for each page takes far more


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([("email", "EQ", "ANA@x.com")], ["Ana"]),
        ([("email", "IN", ["ana@x.com", "bob@x.com"])], ["Ana", "Bob"]),
        ([("firstname", "IN", ["Ana"])], []),  # text is compared in lower case, and the list as given
        ([("firstname", "IN", ["ana", "bob"])], ["Ana", "Bob"]),
        ([("firstname", "NEQ", "ana")], ["Bob", "Çelik"]),
        ([("city", "HAS_PROPERTY", None)], ["Ana"]),
        ([("city", "NOT_HAS_PROPERTY", None)], ["Bob", "Çelik"]),
        ([("email", "CONTAINS_TOKEN", "*@x.com")], ["Ana", "Bob"]),
        ([("firstname", "NOT_CONTAINS_TOKEN", "an*")], ["Bob", "Çelik"]),
        ([("lifecyclestage", "EQ", "lead"), ("city", "EQ", "austin")], ["Ana"]),
        ([("hs_object_id", "BETWEEN", ("10002", "10003"))], ["Bob", "Çelik"]),
        ([("createdate", "LT", "2999-01-01T00:00:00Z")], ["Ana", "Bob", "Çelik"]),
    ],
)
async def test_operators(call: Call, filters: list[tuple[str, str, Any]], names: list[str]) -> None:
    for row in ({"firstname": "Ana", "email": "ana@x.com", "city": "Austin", "lifecyclestage": "lead"},
                {"firstname": "Bob", "email": "bob@x.com", "lifecyclestage": "customer"},
                {"firstname": "Çelik", "email": "c@y.com", "lifecyclestage": "lead"}):  # fmt: skip
        await call("POST", CONTACTS, {"properties": row})
    wishes = []
    for name, operator, value in filters:
        wish: dict[str, Any] = {"propertyName": name, "operator": operator}
        if isinstance(value, list):
            wish["values"] = value
        elif isinstance(value, tuple):
            wish |= {"value": value[0], "highValue": value[1]}
        elif value is not None:
            wish["value"] = value
        wishes.append(wish)
    _, page = await call(
        "POST", f"{CONTACTS}/search", {"filterGroups": [{"filters": wishes}], "properties": ["firstname"]}
    )
    assert [each["properties"]["firstname"] for each in page["results"]] == names


@pytest.mark.parametrize(
    "query",
    [
        {"filterGroups": [{"filters": [changed("GTE", 0)]}] * 6},
        {"filterGroups": [{"filters": [changed("GTE", 0)] * 7}]},
        {"filterGroups": [{"filters": [changed("GTE", 0)] * 5}] * 4},
        {"filterGroups": [{"filters": [changed("LIKE", 0)]}]},
        {"filterGroups": [{"filters": [{"propertyName": "nope", "operator": "EQ", "value": "1"}]}]},
        {"filterGroups": [{"filters": [changed("GTE", "yesterday")]}]},
        {"limit": 201},
        {"sorts": [{"propertyName": "email"}, {"propertyName": "city"}]},
        {"query": "x" * 3000},
    ],
)
async def test_searches_refused(call: Call, query: dict[str, Any]) -> None:
    status, error = await call("POST", f"{CONTACTS}/search", query)
    assert (status, error["category"]) == (400, "VALIDATION_ERROR")


async def test_search_lags_and_forgets_the_archived(call: Call) -> None:
    query = {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ", "value": "a@b.com"}]}]}

    async def found() -> list[str]:
        _, page = await call("POST", f"{CONTACTS}/search", {**query, "properties": ["city"]})
        return [each["properties"]["city"] for each in page["results"]]

    _, made = await call("POST", CONTACTS, {"properties": {"email": "a@b.com", "city": "Austin"}})
    assert await found() == ["Austin"]
    rule = {"kind": "index_lag", "seconds": 30, "times": 1}
    await call("POST", "/control/faults", {"rules": [rule]})
    await call("PATCH", f"{CONTACTS}/{made['id']}", {"properties": {"city": "Boston"}})
    assert await found() == ["Austin"]
    await call("POST", "/control/clock", {"advance": 31})
    assert await found() == ["Boston"]
    await call("POST", "/control/faults", {"rules": [rule]})
    for city in ("Chicago", "Denver"):  # only the first is late, and then too late
        await call("PATCH", f"{CONTACTS}/{made['id']}", {"properties": {"city": city}})
    await call("POST", "/control/clock", {"advance": 31})
    assert await found() == ["Denver"]
    await call("POST", "/control/options", {"search_lag": 5})
    await call("DELETE", f"{CONTACTS}/{made['id']}")
    assert await found() == ["Denver"]
    await call("POST", "/control/clock", {"advance": 6})
    assert await found() == []
    assert (await call("DELETE", f"{CONTACTS}/{made['id']}"))[0] == 204
