"""The company's custom fields: read once, read anew when they are strange, made where they are missing."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from hub.connectors.pipedrive.api import Api
from hub.connectors.pipedrive.catalogue import Catalogue, CustomField, catalogue, field_wish
from hub.connectors.pipedrive.mapping import PipedriveFieldMap
from hub.connectors.pipedrive.shelf import FRESH_SECONDS, SHELF
from hub.connectors.pipedrive.wire import FIELDS_WRITE, LIST, PipedriveConfig, is_key
from hub.contracts.failures import CrmFailure, FailureKind

_STRANGE_SECONDS = 5.0  # fields that stay strange must not cost a reading each
_LONG = frozenset({"notes", "address"})  # registers


class Schema:
    """Custom fields of one kind of record, at ``path``."""

    def __init__(self, api: Api, path: str, config: PipedriveConfig, mapping: PipedriveFieldMap) -> None:
        self._api, self._path, self._config, self._mapping = api, path, config, mapping
        self._spelled = {**mapping.spelled, **{n.casefold(): n for n in (config.reference_field, config.name_field)}}
        self._read_at = self._not_before = float("-inf")
        self._catalogue = Catalogue({}, {})
        self._lock = asyncio.Lock()
        self._refused: set[str] = set()

    async def known(self, *, older_than: float = FRESH_SECONDS) -> Catalogue:
        """The fields, not older than so many seconds. Raises CrmFailure."""
        if time.monotonic() - self._read_at > older_than:
            async with self._lock:
                if time.monotonic() - self._read_at > older_than:
                    await self._take(max(self._not_before, time.monotonic() - older_than))
        return self._catalogue

    async def fitting(self, rows: list[Mapping[str, Any]]) -> Catalogue:
        """The fields, read anew if the rows hold some that are not known. Raises CrmFailure."""
        known = await self.known()
        if any(known.strange(row.get("custom_fields")) for row in rows):
            known = await self.known(older_than=_STRANGE_SECONDS)
        return known

    def forget(self) -> None:
        """Pipedrive refused a field or an option: somebody changed them."""
        self._read_at, self._not_before = float("-inf"), time.monotonic()

    async def ensured(self, samples: Mapping[str, Any]) -> Catalogue:
        """The fields, with one for each name (that has a value), made if need be and allowed. Raises CrmFailure."""
        known = await self.known()
        missing = self._missing(samples, known)
        if not missing or not self._config.create_fields:
            return known
        async with self._lock:
            await self._load()  # another process may have made them
            for name in self._missing(samples, self._catalogue):
                await self._make(name, samples[name])
        return self._catalogue

    async def with_options(self, field: CustomField, labels: list[str]) -> Catalogue:
        """The fields, after these options were made. Raises CrmFailure."""
        async with self._lock:
            await self._load()
            current = self._catalogue.by_key.get(field.key)
            wanted = [label for label in dict.fromkeys(labels) if current and current.option(label) is None]
            if wanted:
                body = [{"label": label} for label in wanted]
                await self._api.call("POST", f"{self._path}/{field.key}/options", body, tokens=FIELDS_WRITE)
                await self._load()
        return self._catalogue

    async def _take(self, since: float) -> None:
        """From the shelf, if somebody read them since then; else from Pipedrive."""
        read_at, rows = SHELF.get(await self._api.whose(), self._path, since)
        if rows is None:
            await self._load()
        else:
            self._catalogue, self._read_at = catalogue(rows, self._spelled), read_at

    async def _load(self) -> None:
        rows = [row async for row in self._api.every(self._path, tokens=LIST)]
        self._catalogue = catalogue(rows, self._spelled)
        self._read_at = time.monotonic()
        SHELF.put(await self._api.whose(), self._path, rows)

    def _missing(self, samples: Mapping[str, Any], known: Catalogue) -> list[str]:
        return [
            name
            for name, value in samples.items()
            if value is not None and value != "" and name not in known.by_name and name not in self._refused
            and not is_key(name)
        ]  # fmt: skip

    async def _make(self, name: str, sample: Any) -> None:
        register = self._mapping.register_of(name)
        wish = field_wish(name, sample, self._mapping.choices(register), long=register in _LONG)
        if register == "date_of_birth":
            wish["field_type"] = "date"
        try:
            await self._api.call("POST", self._path, wish, tokens=FIELDS_WRITE)
        except CrmFailure as failure:
            if failure.kind is not FailureKind.VALIDATION:
                self.forget()  # it may be there: read before it is made once more
                raise
            self._refused.add(name)  # the plan's number of fields is used up, say: the rest is written without it
            return
        await self._load()
