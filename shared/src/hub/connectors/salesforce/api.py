"""Salesforce's REST API as this connector calls it: one session, one version, queries of any length."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from hub.connectors.calls import Answer, Calls
from hub.connectors.salesforce import answers, soql
from hub.connectors.salesforce.wire import CLIENT_NAME, LONGEST_URL, SalesforceConfig
from hub.contracts.connector import ClientSettings

Rows = list[Mapping[str, Any]]


class Api:
    """Calls of one connection. Raises CrmFailure for whatever goes wrong."""

    def __init__(self, settings: ClientSettings, config: SalesforceConfig) -> None:
        self.config = config
        self._calls = Calls(
            settings,
            answers.judge,
            headers={"Sforce-Call-Options": f"client={CLIENT_NAME}"},
            learn=lambda answer: answers.learn(settings.meter, answer),
        )

    async def close(self) -> None:
        """Disconnect."""
        await self._calls.close()

    async def call(self, method: str, path: str, content: bytes | None = None, **options: Any) -> Answer:
        """A call below ``/services/data/vNN.0``, not in JSON."""
        return await self._calls.call(method, self.config.data(path), content, **options)

    async def json(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """A call below ``/services/data/vNN.0``, in JSON."""
        return await self._calls.json(method, self.config.data(path), body, **options)

    async def elsewhere(self, path: str, *, cost: int = 1) -> Any:
        """A GET by its whole path. ``cost``: of the org's daily calls."""
        return await self._calls.json("GET", path, cost=cost)

    async def query(self, query: str, *, deleted: bool = False) -> tuple[Rows, bool]:
        """The first page of a query's rows, and whether that is all; ``deleted``: with those in the recycle bin.

        A query that is too long for an address travels in a composite's body: it counts as one call as well.
        """
        path = f"/{'queryAll' if deleted else 'query'}/?q={soql.encoded(query)}"
        if len(path) <= LONGEST_URL:
            return _page(await self.json("GET", path))
        inner = {"method": "GET", "url": self.config.data(path), "referenceId": "query"}
        return _page((await self.composite([inner]))[0])

    async def query_all_pages(self, query: str) -> Rows:
        """Every row of a small result."""
        document = await self.json("GET", f"/query/?q={soql.encoded(query)}")
        rows, done = _page(document)
        while not done:
            following = document.get("nextRecordsUrl")
            if not isinstance(following, str) or not urlsplit(following).path.startswith("/services/data/"):
                raise answers.unexpected("the answer does not say where its next page is")
            document = await self.elsewhere(urlsplit(following).path)
            more, done = _page(document)
            rows = [*rows, *more]
        return rows

    async def composite(self, requests: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Bodies of several requests made in one call, in their order; a refused one is a CrmFailure in its place."""
        body = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": list(requests)}
        document = await self.json("POST", "/composite", body)
        told = document.get("compositeResponse") if isinstance(document, dict) else None
        if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
            raise answers.unexpected("the composite's answer is not a list of answers")
        by_reference = {str(each.get("referenceId")): each for each in told}
        return [_inner(by_reference.get(request["referenceId"])) for request in requests]


def _inner(told: Mapping[str, Any] | None) -> Any:
    status, body = (told or {}).get("httpStatusCode"), (told or {}).get("body")
    if not isinstance(status, int):
        return answers.unexpected("the composite's answer lacks one of its requests")
    if 200 <= status < 300:
        return body
    first = body[0] if isinstance(body, list) and body else body
    return answers.failure(status, first if isinstance(first, dict) else {}, None)


def _page(document: Any) -> tuple[Rows, bool]:
    if isinstance(document, Exception):
        raise document
    rows = document.get("records") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise answers.unexpected("the answer to a query has no records")
    return rows, document.get("done") is not False
