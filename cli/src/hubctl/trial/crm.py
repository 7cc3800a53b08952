"""The simulated custom CRM as a program, and its control API, which stands for the screens that people use."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from hub.local.ports import free_port
from hub.local.programs import PythonProgram, wait_answering


class SimulatedCrm(PythonProgram):
    """``python -m simulators.custom``, its leads in a SQLite file."""

    def __init__(self, database: Path, log_file: Path, *, api_key: str = "", port: int | None = None) -> None:
        self.api_key = api_key or secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{port or free_port()}"
        where = ["--port", self.url.rpartition(":")[2], "--db", str(database)]
        super().__init__(
            "simulators.custom",
            environment={"PATH": os.environ.get("PATH", ""), "PYTHONUNBUFFERED": "1"},
            log_file=log_file,
            arguments=[*where, f"--api-key={self.api_key}"],  # a key may begin with a dash
        )

    def wait_ready(self, within: float = 30.0) -> None:
        """Wait until it answers. Raises NotReady."""
        wait_answering({"custom CRM": f"{self.url}/_control/counters"}, within=within, logs=self.log_file.parent)

    def config(self, **more: Any) -> dict[str, Any]:
        """A connection's configuration for this CRM, as the design document writes it."""
        endpoints = {"get_leads": "/leads", "create_lead": "/leads", "update_lead": "/leads/{id}"}
        base = {"crm_type": "custom", "auth_type": "api_key", "base_url": f"{self.url}/v2", "endpoints": endpoints}
        return base | more


class CrmControl:
    """What people do in the CRM, and what the CRM counts. Raises aiohttp.ClientError when it refuses or is away."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def leads(self) -> list[dict[str, Any]]:
        """All records."""
        found: list[dict[str, Any]] = (await self._call("GET", "leads"))["data"]
        return found

    async def create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A person enters a lead; the CRM tells the hub."""
        return await self._call("POST", "leads", fields)

    async def edit(self, record_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A person edits a lead; the CRM tells the hub."""
        return await self._call("PATCH", f"leads/{record_id}", fields)

    async def counters(self) -> dict[str, Any]:
        """``leads``, ``requests``, ``duplicates`` (created more than once), ``webhooks`` sent, lost and pending."""
        return await self._call("GET", "counters")

    async def faults(self, **faults: Any) -> None:
        """Misbehave from now on (see the simulator's ``Faults``); without arguments, behave."""
        await self._call("PUT", "faults", faults)

    async def point_webhooks(self, url: str, secret: str, **more: Any) -> None:
        """Tell the hub, at that address, what people and API clients do."""
        await self._call("PUT", "webhook", {"url": url, "secret": secret, **more})

    async def _call(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        async with self._session.request(method, f"{self._url}/_control/{path}", json=document) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found
