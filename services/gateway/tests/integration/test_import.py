"""Imports over HTTP: what is accepted is on the bus, what is refused is listed."""

import json
from typing import Any
from uuid import UUID

from gateway.adapters.database import Database
from gateway.adapters.imports import Imports
from hub.contracts.events import IMPORT_ACCEPTED, LEAD_RECEIVED
from hub.store.pool import open_pool

ADDRESS = "/api/v1/external/leads/import"
DESIGN = {
    "source": "salesforce",
    "leads": [
        {
            "external_id": "SF-12345",
            "first_name": "John",
            "last_name": "Doe",
            "email": "john@example.com",
            "phone": "210-555-0123",
            "custom_fields": {"lead_source": "Website", "interest_level": "High"},
        }
    ],
}


async def test_the_design_documents_import(hub: Any) -> None:
    async with hub.client.post(ADDRESS, json=DESIGN) as answer:
        body = await answer.json()
    assert answer.status == 202
    assert (body["status"], body["accepted"], body["rejected"], body["errors"]) == ("accepted", 1, 0, [])
    (lead,) = await hub.received(1, LEAD_RECEIVED)
    assert lead.account_id == hub.account_id
    assert lead.data["external_id"] == "SF-12345"
    assert lead.data["origin"] == {
        "kind": "import", "source": "salesforce", "import_id": body["import_id"], "index": 0,
    }  # fmt: skip
    assert lead.data["actor"]["ip_address"] == "127.0.0.1"
    assert lead.data["fields"]["custom_fields"] == {"lead_source": "Website", "interest_level": "High"}
    (accepted,) = await hub.received(1, IMPORT_ACCEPTED)
    assert accepted.data["accepted"] == 1
    async with hub.client.get(body["links"]["self"]) as answer:
        progress = await answer.json()
    assert (progress["state"], progress["accepted"], progress["rejections"]) == ("processing", 1, [])


async def test_bad_records_are_listed_and_good_ones_go_through(hub: Any) -> None:
    good = {"email": "a@example.com"}
    bad: list[Any] = [
        {"first_name": 5, "email": "b@example.com"},
        {"status": "sleeping", "email": "c@example.com"},
        {"first_name": "x" * 256, "external_id": "long"},
        {"first_name": "a\x00b"},
        "text",
        {},
        {"email": "d@example.com", "updated_at": "yesterday"},
        {"email": "e@example.com", "budget": 10**20},
        {"email": "f@example.com", "nested": {"a": {"b": 1}}},
    ]
    async with hub.client.post(ADDRESS, json={"source": "s", "leads": [*bad, good]}) as answer:
        body = await answer.json()
    assert answer.status == 202, body
    assert (body["accepted"], body["rejected"]) == (1, len(bad))
    assert [(error["index"], error["code"], error["field"]) for error in body["errors"]] == [
        (0, "WRONG_TYPE", "first_name"),
        (1, "UNKNOWN_VALUE", "status"),
        (2, "TOO_LONG", "first_name"),
        (3, "INVALID_TEXT", "first_name"),
        (4, "WRONG_TYPE", None),
        (5, "MISSING_FIELD", None),
        (6, "INVALID_TIME", "updated_at"),
        (7, "NUMBER_OUT_OF_RANGE", "custom_fields.budget"),
        (8, "WRONG_TYPE", "custom_fields.nested"),
    ]
    async with hub.client.get(body["links"]["self"], params={"limit": 5}) as answer:
        first = await answer.json()
    async with hub.client.get(body["links"]["self"], params={"limit": 5, "cursor": first["next_cursor"]}) as answer:
        second = await answer.json()
    listed = [each["index"] for each in first["rejections"] + second["rejections"]]
    assert listed == list(range(len(bad)))
    assert second["next_cursor"] is None


async def test_lone_surrogates_cost_one_record(hub: Any) -> None:
    raw = b'{"source":"s","leads":[{"email":"\\ud800"},{"email":"ok@example.com"}]}'
    async with hub.client.post(ADDRESS, data=raw, headers={"Content-Type": "application/json"}) as answer:
        body = await answer.json()
    assert (answer.status, body["accepted"], body["errors"][0]["code"]) == (202, 1, "INVALID_TEXT")


async def test_ndjson_is_streamed(hub: Any) -> None:
    lines = [json.dumps({"external_id": number, "firstName": "Zoë"}).encode() for number in range(3000)]
    lines[1000] = b'{"external_id": "\xff"}'
    lines[2000] = b"{"
    async with hub.client.post(
        ADDRESS, params={"source": "files"}, data=b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
    ) as answer:
        body = await answer.json()
    assert answer.status == 202, body
    assert (body["accepted"], body["rejected"]) == (2998, 2)
    assert [(error["index"], error["code"]) for error in body["errors"]] == [
        (1001, "INVALID_UTF8"),
        (2001, "INVALID_JSON"),
    ]
    events = await hub.received(2998, LEAD_RECEIVED)
    assert {event.data["origin"]["index"] for event in events} == set(range(1, 3001)) - {1001, 2001}
    assert events[0].data["fields"]["first_name"] == "Zoë"


async def test_csv_with_all_that_files_have(hub: Any) -> None:
    text = (
        "\ufeffFirst Name;E-Mail;Telefon;Budget\r\n"
        'Anna;anna@example.com;"0171 1234567";500\r\n'
        '"Two\r\nLines";two@example.com;;\r\n'
        "short;row\r\n"
        'broken;"never closed;x;y\r\n'
        "Zoë;zoe@example.com;1;2\r\n"
    )
    async with hub.client.post(
        ADDRESS, params={"source": "excel"}, data=text.encode(), headers={"Content-Type": "text/csv"}
    ) as answer:
        body = await answer.json()
    assert answer.status == 202, body
    assert [(error["index"], error["code"]) for error in body["errors"]] == [
        (5, "WRONG_COLUMN_COUNT"),
        (6, "BROKEN_QUOTES"),
    ]
    events = await hub.received(3, LEAD_RECEIVED)
    assert [event.data["fields"].get("first_name") for event in events] == ["Anna", "Two\nLines", "Zoë"]
    assert events[0].data["fields"]["custom_fields"] == {"Budget": "500"}


async def test_an_idempotency_key_is_answered_as_before(hub: Any) -> None:
    headers = {"Idempotency-Key": "once"}
    document = {"source": "s", "leads": [{"email": "a@example.com"}, {"email": 1}]}
    async with hub.client.post(ADDRESS, json=document, headers=headers) as answer:
        first = await answer.json()
    async with hub.client.post(ADDRESS, json=document, headers=headers) as answer:
        second = await answer.json()
        assert answer.status == 202
    assert first == second
    assert await hub.pool.fetchval("SELECT count(*) FROM control.import") == 1
    await hub.received(1, IMPORT_ACCEPTED)
    assert len([event for event in hub.events if event.type == LEAD_RECEIVED]) == 1


async def test_a_file_without_usable_columns_is_refused_whole(hub: Any) -> None:
    async with hub.client.post(
        ADDRESS, params={"source": "s"}, data=b"colour,size\nred,5\n", headers={"Content-Type": "text/csv"}
    ) as answer:
        body = await answer.json()
    assert (answer.status, body["error"]["code"]) == (422, "MISSING_COLUMNS")
    assert await hub.pool.fetchval("SELECT state FROM control.import") == "aborted"


async def test_old_imports_are_forgotten_with_their_refusals(hub: Any) -> None:
    body = {"source": "salesforce", "leads": [{"email": "a@example.com"}, {"email": 5}]}
    ids = []
    for _ in range(2):
        async with hub.client.post("/api/v1/external/leads/import", json=body) as answer:
            ids.append((await answer.json())["import_id"])
    async with await open_pool(hub.database_url, "hub_gateway") as pool:
        assert await Imports(Database(pool, statement_seconds=5)).forget(UUID(ids[1])) == 2
    async with hub.client.get(f"/api/v1/external/imports/{ids[0]}") as answer:
        assert answer.status == 404
    async with hub.client.get(f"/api/v1/external/imports/{ids[1]}") as answer:
        assert len((await answer.json())["rejections"]) == 1
