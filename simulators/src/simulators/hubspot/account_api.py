"""Owners, pipelines, and what the account tells of itself."""

from typing import Any

from aiohttp import web

from simulators.hubspot.access import Access
from simulators.hubspot.catalogue import OWNERS, PIPELINES
from simulators.hubspot.errors import not_found
from simulators.hubspot.limits import TIME_ZONE, Limits
from simulators.hubspot.portal import Portal
from simulators.hubspot.reading import DATED, both, flag, link, number
from simulators.hubspot.times import iso
from simulators.kit.answers import answer

_BORN = 1_577_836_800_000  # 2020-01-01
_PAGE = 500


class AccountApi:
    """Reading only."""

    def __init__(self, portal: Portal, access: Access, limits: Limits, public_url: str | None) -> None:
        self._portal, self._access, self._limits, self._public_url = portal, access, limits, public_url

    def routes(self) -> list[web.RouteDef]:
        """All of them; owners also with a slash at the end, as clients call them."""
        rows = [
            ("crm/owners", "", self.owners), ("crm/owners", "/", self.owners),
            ("crm/owners", "/{ownerId}", self.owner), ("crm/pipelines", "/{objectType}", self.pipelines),
            ("crm/pipelines", "/{objectType}/{pipelineId}", self.pipeline),
            ("crm/pipelines", "/{objectType}/{pipelineId}/stages", self.stages),
            ("crm/pipelines", "/{objectType}/{pipelineId}/stages/{stageId}", self.stage),
        ]  # fmt: skip
        own = [("details", self.details), ("api-usage/daily/private-apps", self.usage)]
        return [
            *(each for stem, rest, handler in rows for each in both("GET", stem, rest, handler)),
            *(web.get(f"/account-info/v3/{rest}", handler) for rest, handler in own),
            *(web.get(f"/account-info/{DATED}/{rest}", handler) for rest, handler in own),
        ]

    async def owners(self, request: web.Request) -> web.Response:
        """Pages in order of id."""
        self._access.require(request, "crm.objects.owners.read")
        limit, after = number(request, "limit", 100, _PAGE), number(request, "after", 0)
        email = request.query.get("email", "").lower()
        rows = [] if flag(request, "archived") else [_owner(*each) for each in OWNERS]
        rows = [each for each in rows if int(each["id"]) > after and email in ("", each["email"])]
        body: dict[str, Any] = {"results": rows[:limit]}
        if len(rows) > limit:
            last = rows[limit - 1]["id"]
            origin = self._public_url or str(request.url.origin())
            body["paging"] = {"next": {"after": last, "link": link(request, origin, last)}}
        return answer(body)

    async def owner(self, request: web.Request) -> web.Response:
        """By owner id, or by user id with ``?idProperty=userId``."""
        self._access.require(request, "crm.objects.owners.read")
        key = "userId" if request.query.get("idProperty") == "userId" else "id"
        for each in OWNERS:
            found = _owner(*each)
            if str(found[key]) == request.match_info["ownerId"]:
                return answer(found)
        raise not_found("Owner not found")

    async def pipelines(self, request: web.Request) -> web.Response:
        """One for each object type that has any."""
        return answer({"results": [self._pipeline(request)]})

    async def pipeline(self, request: web.Request) -> web.Response:
        """By id."""
        return answer(self._pipeline(request, request.match_info["pipelineId"]))

    async def stages(self, request: web.Request) -> web.Response:
        """Of one pipeline."""
        return answer({"results": self._pipeline(request, request.match_info["pipelineId"])["stages"]})

    async def stage(self, request: web.Request) -> web.Response:
        """By id."""
        for each in self._pipeline(request, request.match_info["pipelineId"])["stages"]:
            if each["id"] == request.match_info["stageId"]:
                return answer(each)
        raise not_found("Pipeline stage not found")

    async def details(self, _request: web.Request) -> web.Response:
        """What the account is."""
        offset = "-05:00"
        return answer({
            "portalId": self._portal.id, "timeZone": TIME_ZONE, "companyCurrency": "USD", "additionalCurrencies": [],
            "utcOffset": offset, "utcOffsetMilliseconds": -18_000_000, "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1", "accountType": "STANDARD",
        })  # fmt: skip

    async def usage(self, _request: web.Request) -> web.Response:
        """Of the daily limit."""
        used, limit = self._limits.daily_usage()
        now = self._portal.now()
        row = {
            "name": "private-apps-api-calls-daily", "usageLimit": limit, "currentUsage": used,
            "collectedAt": iso(now), "fetchStatus": "SUCCESS",
            "resetsAt": iso(now + int(self._limits.day_ends_in() * 1000)),
        }  # fmt: skip
        return answer({"results": [row]})

    def _pipeline(self, request: web.Request, pipeline_id: str | None = None) -> dict[str, Any]:
        kind = self._portal.of(request.match_info["objectType"]).kind
        self._access.require(request, f"crm.objects.{kind.scope}.read", f"crm.schemas.{kind.scope}.read")
        if kind.name not in PIPELINES or pipeline_id not in (None, PIPELINES[kind.name][0]):
            raise not_found("Pipeline not found")
        key, label, stages = PIPELINES[kind.name]
        dated = {"createdAt": iso(_BORN), "updatedAt": iso(_BORN), "archived": False}
        rows = [
            {"id": name, "label": text, "displayOrder": place, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
             "metadata": _metadata(kind.name, grade), **dated}
            for place, (name, text, grade) in enumerate(stages)
        ]  # fmt: skip
        return {"id": key, "label": label, "displayOrder": 0, "stages": rows, **dated}


def _metadata(kind: str, grade: str) -> dict[str, str]:
    if kind == "tickets":
        return {"ticketState": "CLOSED" if grade == "1" else "OPEN", "isClosed": "true" if grade == "1" else "false"}
    return {"probability": grade, "isClosed": "true" if grade in ("1.0", "0.0") else "false"}


def _owner(number: str, email: str, first: str, last: str, user: int) -> dict[str, Any]:
    return {
        "id": number, "email": email, "type": "PERSON", "firstName": first, "lastName": last, "userId": user,
        "userIdIncludingInactive": user, "createdAt": iso(_BORN), "updatedAt": iso(_BORN), "archived": False,
        "teams": [],
    }  # fmt: skip
