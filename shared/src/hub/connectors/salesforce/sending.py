"""Rows to Salesforce by collections: one call for 200 records of each kind, whatever mixture they are."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hub.connectors.salesforce.api import Api
from hub.connectors.salesforce.rows import Done, Request, Row, key_of, outcomes, request
from hub.connectors.salesforce.wire import COLLECTION
from hub.contracts.failures import CrmFailure

_AT_ONCE = 2  # calls at a time: more of them block each other's records at the vendor's


class Collections:
    """Sends rows; an outcome for each, nothing is raised."""

    def __init__(self, api: Api) -> None:
        self._api, self._config = api, api.config

    async def write(self, rows: Sequence[Row]) -> Done:
        """Any number of rows, in as few calls as they need."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def send(groups: list[list[Row]]) -> Done:
            async with gate:
                return await self._send(groups)

        answered = await asyncio.gather(*(send(groups) for groups in _calls(rows)))
        return {key: pair for each in answered for key, pair in each.items()}

    async def _send(self, groups: list[list[Row]]) -> Done:
        """One call: a collection, or a composite of several."""
        wishes = [request(rows) for rows in groups]
        if len(groups) == 1 or any(_reads_as_reference(row) for rows in groups for row in rows):
            documents = [await self._collection(wish) for wish in wishes]
        else:
            documents = await self._composite(wishes)
        done: Done = {}
        for rows, document in zip(groups, documents, strict=True):
            done |= _paired(rows, document)
        return done

    async def _collection(self, wish: Request) -> Any:
        method, path, body = wish
        try:
            return await self._api.json(method, path, body, headers=self._headers())
        except CrmFailure as failure:
            return failure

    async def _composite(self, wishes: Sequence[Request]) -> list[Any]:
        headers = self._headers()
        inner = [
            {"method": method, "url": self._config.data(path), "referenceId": f"rows{index}", "body": body}
            | ({"httpHeaders": headers} if headers else {})
            for index, (method, path, body) in enumerate(wishes)
        ]
        try:
            return await self._api.composite(inner)
        except CrmFailure as failure:
            return [failure] * len(wishes)

    def _headers(self) -> dict[str, str]:
        headers = {} if self._config.auto_assign else {"Sforce-Auto-Assign": "FALSE"}
        if self._config.duplicates == "allow":
            headers["Sforce-Duplicate-Rule-Header"] = "allowSave=true"
        return headers


def _calls(rows: Sequence[Row]) -> list[list[list[Row]]]:
    """Rows → calls → groups of one table and operation (few), of at most 200 rows each."""
    chunks: list[dict[tuple[str, str], list[Row]]] = []
    full: dict[tuple[str, str], int] = {}  # how many chunks are full of that kind
    for row in rows:
        kind = (row.operation, row.table)
        place = full.get(kind, 0)
        if place == len(chunks):
            chunks.append({})
        group = chunks[place].setdefault(kind, [])
        group.append(row)
        if len(group) == COLLECTION:
            full[kind] = place + 1
    return [list(chunk.values()) for chunk in chunks]


def _reads_as_reference(row: Row) -> bool:
    """A composite takes ``@{…}`` for the result of another request, in people's texts too."""
    return any(isinstance(value, str) and "@{" in value for value in row.fields.values())


def _paired(rows: Sequence[Row], document: Any) -> Done:
    if isinstance(document, CrmFailure):
        return {key_of(row): (row, document) for row in rows}
    try:
        told = outcomes(rows, document)
    except CrmFailure as failure:
        return {key_of(row): (row, failure) for row in rows}
    return {key_of(row): (row, outcome) for row, outcome in zip(rows, told, strict=True)}
