"""The design document's own examples, unchanged but for host and key, against a running hub."""

import asyncio
import json
import shutil
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.local.ports import free_port
from hubctl.trial.eventually import eventually
from hubctl.trial.subscriber import Subscriber
from hubctl.trial.tenant import Tenant

EXAMPLES = Path(__file__).parent / "examples"
LEADS = [
    {"external_id": "SF-1", "first_name": "Jane", "last_name": "Smith", "email": "jane@example.com"}
    | {"status": "qualified", "phone": "210-555-0177"},
    {"external_id": "SF-2", "first_name": "John", "email": "john@example.com", "status": "new"},
]


def python_example(agency: Tenant) -> dict[str, Any]:
    """The names that the document's Python code defines."""
    text = (EXAMPLES / "design_document.py.txt").read_text(encoding="utf-8")
    text = text.replace("https://mypremierplans.com", agency.hub.url).replace("YOUR_API_KEY", agency.api_key)
    names: dict[str, Any] = {}
    exec(compile(text, "design_document.py", "exec"), names)  # noqa: S102 - our own file
    return names


@asynccontextmanager
async def node(agency: Tenant, secret: str, port: int) -> AsyncIterator[asyncio.StreamReader]:
    """The document's JavaScript, running; what it prints."""
    program = shutil.which("node")
    assert program, "node is needed: requirements/debian.sh node=nodejs"
    arguments = (EXAMPLES / "design_document.js", agency.hub.url, agency.api_key, secret, port, json.dumps(LEADS))
    process = await asyncio.create_subprocess_exec(
        program, EXAMPLES / "harness.js", *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def line(printed: asyncio.StreamReader) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await asyncio.wait_for(printed.readline(), 30))
    return found


async def test_javascript_imports_leads_and_verifies_our_webhooks(agency: Tenant) -> None:
    port, secret = free_port(), "webhook_secret_key"
    await agency.subscribe(f"http://127.0.0.1:{port}/api/webhooks/crm/salesforce", secret, ["lead.created"])
    async with node(agency, secret, port) as printed:
        imported = (await line(printed))["imported"]
        assert (imported["accepted"], imported["rejected"]) == (2, 0)
        seen = [await line(printed) for _ in range(4)]  # for each lead: the webhook, then our answer
    webhooks = [entry["webhook"] for entry in seen if "webhook" in entry]
    assert [entry["answered"] for entry in seen if "answered" in entry] == [200, 200]
    assert {(each["event"], each["data"]["email"]) for each in webhooks} == {
        ("lead.created", "jane@example.com"),
        ("lead.created", "john@example.com"),
    }


async def test_javascript_refuses_a_webhook_that_is_not_ours(agency: Tenant) -> None:
    port = free_port()
    async with node(agency, "webhook_secret_key", port) as printed:
        await line(printed)
        address = f"http://127.0.0.1:{port}/api/webhooks/crm/salesforce"
        forged = urllib.request.Request(address, b"{}", {"X-Webhook-Signature": "sha256=" + "0" * 64})
        with pytest.raises(urllib.request.HTTPError, match="401"):
            await asyncio.to_thread(urllib.request.urlopen, forged)
        assert await line(printed) == {"answered": 401}


async def test_python_exports_qualified_leads(agency: Tenant) -> None:
    await agency.finished(await agency.import_leads(LEADS))
    exported = await asyncio.to_thread(python_example(agency)["export_qualified_leads"])
    (lead,) = exported["leads"]
    assert (lead["first_name"], lead["last_name"], lead["status"]) == ("Jane", "Smith", "qualified")
    assert lead["external_id"] == f"MPP-{lead['id']}"
    assert isinstance(lead["activities"], list)


async def test_python_verifies_our_webhooks(agency: Tenant) -> None:
    seen: list[tuple[str, str]] = []

    class Recorder(Subscriber):
        async def _receive(self, request: Any) -> Any:
            seen.append(((await request.read()).decode(), request.headers["X-Webhook-Signature"]))
            return await super()._receive(request)

    recorder = Recorder("webhook_secret_key")
    async with recorder.served() as url:
        await agency.subscribe(url, recorder.secret)
        await agency.import_leads(LEADS[:1])

        async def told() -> bool:
            return bool(seen)

        await eventually(told)
    payload, signature = seen[0]
    verify = python_example(agency)["verify_webhook"]
    assert verify(payload, signature.removeprefix("sha256="), recorder.secret)
    assert not verify(payload + " ", signature.removeprefix("sha256="), recorder.secret)
