"""The vendors' CRMs of the demonstration: filled, connected to the hub through their consent pages, listened to."""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from hubctl.commands.upload import read
from hubctl.demo.crowd import Human
from hubctl.demo.desks import DESKS
from hubctl.demo.stage import Stage
from hubctl.problems import Problem
from hubctl.trial.vendors import CALLBACK, SimulatedVendor, VendorControl, grant, point_webhooks

# What the customer tells the hub of each company. The simulated Pipedrive is on this plan, and holds the hub to it.
_CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "salesforce": {"objects": {"lead": "Lead", "contact": "Contact", "opportunity": "Opportunity"}},
    "hubspot": {"portal_id": "12345678"},
    "pipedrive": {"plan": "growth", "seats": 10},
}


class VendorCrm:
    """One vendor's CRM: what people do there (``control``), and its connection."""

    def __init__(self, simulator: SimulatedVendor, session: aiohttp.ClientSession, stage: Stage) -> None:
        self.crm_type, self.title = simulator.vendor.crm_type, simulator.vendor.title
        self.url = simulator.url
        self.desk = DESKS[self.crm_type]
        self.control = VendorControl(session, simulator)
        self._simulator, self._session, self._stage = simulator, session, stage

    @property
    def connection_id(self) -> int:
        """Of the hub's connection; 0 before the first time."""
        return self._stage.remembered.connections.get(self.crm_type, 0)

    async def prepare(self, people: Sequence[Human]) -> None:
        """Fill it, if it is new. Raises Problem when it has lost its memory, for the hub would mix people up."""
        await self.control.steer("calls/reset")
        empty = not await self.control.records()
        if not self.connection_id and empty:
            await self.control.seed(records=[self.desk.entered(human) for human in people])
        elif self.connection_id and empty:
            folder = self._stage.folder
            raise Problem(f"The simulated {self.title} has lost its memory.", f"Start afresh: rm -r {folder}")

    async def connect(self, api: aiohttp.ClientSession) -> None:
        """As a customer does: authorise at the hub, allow at the vendor; anew each time, for addresses may differ."""
        connected = await grant(self._session, await self.consent_page(api))
        if not connected["test_ok"]:
            raise Problem(f"{self.title} is connected, but does not work: {connected['reason']}")
        number = int(connected["connection_id"])
        self._stage.remember(connections={**self._stage.remembered.connections, self.crm_type: number})
        async with api.post(f"/api/v1/external/connections/{number}/webhook-secret", json={}) as answer:
            secret = (await read(answer))["webhook_secret"]
        hook = f"{self._stage.hub.url}/api/v1/webhooks/crm/{self.crm_type}/{number}"
        await point_webhooks(self._session, self._simulator, hook, secret)

    async def consent_page(self, api: aiohttp.ClientSession) -> str:
        """Where the customer's browser goes to let the hub in; works once, within ten minutes."""
        wish: dict[str, Any] = {"crm_type": self.crm_type, "config": _CONFIGS[self.crm_type]}
        wish |= {"redirect_uri": f"{self._stage.hub.url}{CALLBACK}"}
        if self.connection_id:
            wish["connection_id"] = self.connection_id
        async with api.post("/api/v1/crm/oauth/authorize", json=wish) as answer:
            return str((await read(answer))["authorization_url"])

    async def webhooks(self) -> dict[str, int]:
        """``delivered`` in this run, and ``pending``."""
        async with self._session.get(f"{self.url}/control/webhooks", params={"limit": "0"}) as answer:
            told = await answer.json()
        return {"delivered": told["counts"].get("delivered", 0), "pending": told["pending"]}

    async def has_deal(self, lead_id: int) -> bool:
        """Whether the enrolment of a lead shows there."""
        sign = f"MPP-{lead_id}-"
        return any(sign in str(record) for record in await self.control.records(self.desk.deal))
