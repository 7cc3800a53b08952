"""The simulated vendors as programs, and their control API, which stands for the screens that people use."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from hub.local.ports import free_port
from hub.local.programs import PythonProgram, wait_answering

CLIENT_ID, CLIENT_SECRET = "hub-client", "hub-secret"
CALLBACK = "/api/v1/crm/oauth/callback"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


@dataclass(frozen=True, slots=True)
class Vendor:
    """What the hub and a demonstration need to know of one."""

    crm_type: str
    title: str
    object: str  # that holds leads, as the control API names it
    settings: Mapping[str, str]  # of the hub's services; {url} is the simulator's address
    options: tuple[str, ...] = ()


VENDORS = {
    vendor.crm_type: vendor
    for vendor in (
        Vendor(
            "salesforce",
            "Salesforce",
            "Lead",
            {"HUB_SALESFORCE_LOGIN_URL": "{url}", "HUB_SALESFORCE_DOMAINS": "http://127.0.0.1"},
            ("--webhook-scale", "0.01"),
        ),
        Vendor("hubspot", "HubSpot", "contacts", {"HUB_HUBSPOT_APP_URL": "{url}", "HUB_HUBSPOT_API_URL": "{url}"}),
        Vendor(
            "pipedrive",
            "Pipedrive",
            "persons",
            {
                "HUB_PIPEDRIVE_OAUTH_URL": "{url}",
                "HUB_PIPEDRIVE_API_URL": "{url}",
                "HUB_PIPEDRIVE_DOMAINS": "http://127.0.0.1",
            },
            ("--no-https-webhooks", "--retry-scale", "0.01"),
        ),
    )
}


class SimulatedVendor(PythonProgram):
    """``python -m simulators.<vendor>``; what it holds is gone when it ends, unless a file is to be its ``memory``."""

    def __init__(self, vendor: Vendor, log_file: Path, *, port: int | None = None, memory: Path | None = None) -> None:
        self.vendor = vendor
        self.url = f"http://127.0.0.1:{port or free_port()}"
        super().__init__(
            f"simulators.{vendor.crm_type}",
            environment={"PATH": os.environ.get("PATH", ""), "PYTHONUNBUFFERED": "1"},
            log_file=log_file,
            arguments=["--port", self.url.rpartition(":")[2], *vendor.options, *_memory(memory)],
        )

    def wait_ready(self, within: float = 30.0) -> None:
        """Wait until it answers. Raises NotReady."""
        wait_answering({self.vendor.title: f"{self.url}/control/calls"}, within=within, logs=self.log_file.parent)

    def settings(self) -> dict[str, str]:
        """Environment variables of the hub's services, so that they talk to this simulator."""
        name = self.vendor.crm_type.upper()
        registered = {f"HUB_OAUTH_{name}_CLIENT_ID": CLIENT_ID, f"HUB_OAUTH_{name}_CLIENT_SECRET": CLIENT_SECRET}
        return registered | {key: value.format(url=self.url) for key, value in self.vendor.settings.items()}


def _memory(file: Path | None) -> list[str]:
    return ["--memory", str(file)] if file else []


class VendorControl:
    """What people do in the CRM, what goes wrong there, and what it counts. Raises aiohttp.ClientError."""

    def __init__(self, session: aiohttp.ClientSession, simulator: SimulatedVendor) -> None:
        self._session, self.url, self.object = session, simulator.url, simulator.vendor.object

    async def seed(self, count: int | None = None, records: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Many records at once, without webhooks: made up, or these."""
        wish: dict[str, Any] = {"object": self.object, "seed": 7}
        await self._post("seed", wish | ({"count": count} if records is None else {"records": records}))

    async def records(self, object: str | None = None) -> list[dict[str, Any]]:
        """All records that are there."""
        async with self._session.get(f"{self.url}/control/records/{object or self.object}") as answer:
            answer.raise_for_status()
            return [orjson.loads(line) async for line in answer.content if line.strip()]

    async def create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A person enters a record."""
        return await self._post("create", {"object": self.object, "fields": fields})

    async def edit(self, edits: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """People edit records."""
        told = [{"id": record_id, "fields": fields} for record_id, fields in edits]
        await self._post("edit", {"object": self.object, "edits": told})

    async def delete(self, ids: Sequence[str]) -> None:
        """People delete records."""
        await self._post("delete", {"object": self.object, "ids": list(ids)})

    async def merge(self, winner: str, losers: Sequence[str]) -> None:
        """A person merges records."""
        await self._post("merge", {"object": self.object, "winner": winner, "losers": list(losers)})

    async def faults(self, *rules: Mapping[str, Any], seed: int = 1) -> None:
        """Misbehave from now on; without rules, behave."""
        if rules:
            await self._post("faults", {"rules": list(rules), "seed": seed})
        else:
            async with self._session.delete(f"{self.url}/control/faults") as answer:
                answer.raise_for_status()

    async def calls(self) -> dict[str, Any]:
        """The ledger."""
        async with self._session.get(f"{self.url}/control/calls") as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    async def steer(self, what: str, **wishes: Any) -> dict[str, Any]:
        """Any other control: clock, limits, tokens, webhooks …"""
        return await self._post(what, wishes)

    async def _post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        async with self._session.post(f"{self.url}/control/{path}", json=document) as answer:
            if answer.status >= 400:
                raise aiohttp.ClientError(f"{path}: {answer.status} {(await answer.text())[:300]}")
            found: dict[str, Any] = await answer.json()
            return found


async def grant(session: aiohttp.ClientSession, authorization_url: str) -> dict[str, Any]:
    """Be the customer at the consent page: allow, and follow the browser back to the hub. Its JSON."""
    async with session.get(authorization_url) as page:
        page.raise_for_status()
        fields = {name: _plain(value) for name, value in _HIDDEN.findall(await page.text())}
        action = page.url
    async with session.post(
        action.with_query(None), data={**fields, "decision": "allow"}, allow_redirects=False
    ) as sent:
        back = sent.headers["Location"]
    async with session.get(back, headers={"Accept": "application/json"}) as answer:
        answer.raise_for_status()
        found: dict[str, Any] = await answer.json()
        return found


def _plain(text: str) -> str:
    for mark, meaning in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
        text = text.replace(mark, meaning)
    return text


async def point_webhooks(session: aiohttp.ClientSession, simulator: SimulatedVendor, hook: str, secret: str) -> None:
    """Set up the vendor's notices of changes, as its administrator does, for the hub at that address and no other."""
    await _POINTERS[simulator.vendor.crm_type](session, simulator.url, hook, secret)


async def _salesforce(session: aiohttp.ClientSession, url: str, hook: str, secret: str) -> None:
    message = {"url": f"{hook}?token={secret}", "object": "Lead", "fields": _SALESFORCE_FIELDS}
    await _sent(session, "DELETE", f"{url}/control/outbound", None)
    await _sent(session, "POST", f"{url}/control/outbound", message)


async def _hubspot(session: aiohttp.ClientSession, url: str, hook: str, secret: str) -> None:
    app, key = f"{url}/webhooks/v3/54321", {"hapikey": "hub-developer-key"}
    # One address for all portals, signed with the app's secret; the portal in each event tells whose it is.
    target = {"targetUrl": hook.rpartition("/")[0], "throttling": {"maxConcurrentRequests": 10}}
    await _sent(session, "PUT", f"{app}/settings", target, key)
    for old in (await _sent(session, "GET", f"{app}/subscriptions", None, key))["results"]:
        await _sent(session, "DELETE", f"{app}/subscriptions/{old['id']}", None, key)
    for event in ("creation", "deletion", "merge"):
        wish: dict[str, Any] = {"eventType": f"contact.{event}", "active": True}
        await _sent(session, "POST", f"{app}/subscriptions", wish, key)
    for name in ("firstname", "lastname", "email", "phone", "lifecyclestage", "hubspot_owner_id", "company", "city"):
        wish = {"eventType": "contact.propertyChange", "propertyName": name, "active": True}
        await _sent(session, "POST", f"{app}/subscriptions", wish, key)


async def _pipedrive(session: aiohttp.ClientSession, url: str, hook: str, secret: str) -> None:
    wish = {
        "subscription_url": hook,
        "event_action": "*",
        "event_object": "person",
        "name": "CRM hub",
        "http_auth_user": "hub",
        "http_auth_password": secret,
        "version": "2.0",
    }
    hooks, key = f"{url}/api/v1/webhooks", {"api_token": "pipedrive-api-token"}
    for old in (await _sent(session, "GET", hooks, None, key))["data"]:
        await _sent(session, "DELETE", f"{hooks}/{old['id']}", None, key)
    await _sent(session, "POST", hooks, wish, key)


async def _sent(
    session: aiohttp.ClientSession, method: str, url: str, document: Any, query: Mapping[str, str] | None = None
) -> Any:
    async with session.request(method, url, json=document, params=query) as answer:
        content = await answer.read()
        if answer.status >= 400:
            raise aiohttp.ClientError(f"{url}: {answer.status} {content[:300]!r}")
    return orjson.loads(content) if content else None


_SALESFORCE_FIELDS = [
    "FirstName",
    "LastName",
    "Email",
    "Phone",
    "Status",
    "OwnerId",
    "Company",
    "City",
    "SystemModstamp",
]
_POINTERS = {"salesforce": _salesforce, "hubspot": _hubspot, "pipedrive": _pipedrive}
