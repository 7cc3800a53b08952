"""Simulators that are given a file go on where they stopped."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from simulators.hubspot.app import running as hubspot
from simulators.kit.deliveries import Delivery
from simulators.kit.keeping import UnreadableMemory
from simulators.kit.serving import Running
from simulators.pipedrive.app import running as pipedrive
from simulators.salesforce.app import running as salesforce

VENDORS: dict[str, tuple[Any, str, dict[str, Any], str, str]] = {
    "salesforce": (salesforce, "Lead", {"LastName": "Late", "Company": "x"}, "Id", "/services/data/v60.0/limits"),
    "hubspot": (hubspot, "contacts", {"lastname": "Late"}, "id", "/crm/v3/objects/contacts?limit=1"),
    "pipedrive": (pipedrive, "persons", {"name": "Late"}, "id", "/api/v2/persons?limit=1"),
}
SCOPES = "api refresh_token crm.objects.contacts.read contacts:full"


class Company:
    """One simulated vendor, started again and again on the same file."""

    def __init__(self, vendor: str, file: Path) -> None:
        self.run, self.object, self.newcomer, self.key, self.path = VENDORS[vendor]
        self.file = file

    def open(self) -> AbstractAsyncContextManager[Running]:
        started: AbstractAsyncContextManager[Running] = self.run(memory=self.file)
        return started

    async def records(self, url: str) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/control/records/{self.object}") as answer:
            rows = [orjson.loads(line) for line in (await answer.read()).splitlines()]
        return {str(row[self.key]): row for row in rows}

    async def control(self, url: str, what: str, **wish: Any) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/control/{what}", json={"object": self.object, **wish}) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def status(self, url: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession() as session, session.get(f"{url}{self.path}", headers=headers) as answer:
            return answer.status


@pytest.fixture(params=list(VENDORS))
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Company:
    """Each vendor, with a file that is not there yet."""
    return Company(request.param, tmp_path / "memory")


async def test_records_grants_and_ids_go_on(company: Company) -> None:
    async with company.open() as first:
        await company.control(first.url, "seed", count=20)
        await company.control(first.url, "clock", advance=5)
        token = first.world.grants.grant("hub-client", SCOPES).access_token
        assert await company.status(first.url, token) == 200
        before = await company.records(first.url)
    async with company.open() as second:
        assert await company.records(second.url) == before
        assert await company.status(second.url, token) == 200
        assert await company.status(second.url, "a-stranger's") == 401
        assert second.world.clock.time() == pytest.approx(first.world.clock.time(), abs=1)
        made = await company.control(second.url, "create", fields=company.newcomer)
        assert str(made[company.key]) not in before
        await company.control(second.url, "delete", ids=list(before)[:3])
    async with company.open() as third:
        assert len(await company.records(third.url)) == 20 + 1 - 3


async def test_what_waited_does_not_come_back(company: Company) -> None:
    async with company.open() as first:
        first.world.deliveries.send(Delivery("http://127.0.0.1:9/", lambda _: (b"", {}), {}))
    async with company.open() as second:
        assert second.world.deliveries.report(10)["pending"] == 0


async def test_a_file_that_is_none_is_refused(company: Company) -> None:
    company.file.write_bytes(b"no memory at all")
    with pytest.raises(UnreadableMemory, match="memory"):
        async with company.open():
            pass
