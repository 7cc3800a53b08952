"""What is stored about a batch's leads, in a handful of statements."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from hub.leads.clocks import unpack
from hub.leads.merge import spelled_out
from hub.store.arrays import number_array, text_array
from hub.store.pool import Connection
from transformer.adapters import queries
from transformer.domain.decide import Known
from transformer.domain.echo import may_be_late
from transformer.domain.identity import LeadKey, Link, LinkKey
from transformer.domain.incoming import Incoming
from transformer.domain.plan import LeadState


async def load(connection: Connection, batch: Sequence[Incoming]) -> Known:
    """Everything that the decisions on this batch need."""
    known = Known()
    wanted: set[LeadKey] = {(item.account_id, item.lead_id) for item in batch if item.lead_id is not None}
    await _load_links(connection, batch, known)
    wanted.update((key[0], link.lead_id) for key, link in known.index.links.items())
    pairs = list({(item.account_id, item.email) for item in batch if item.email})
    for row in await connection.fetch(queries.BY_EMAIL, *_arrays(pairs)) if pairs else ():
        known.index.by_email.setdefault((row["account_id"], row["key"]), []).append(row["id"])
        wanted.add((row["account_id"], row["id"]))
    pairs = list({(item.account_id, item.phone) for item in batch if item.phone})
    for row in await connection.fetch(queries.BY_PHONE, *_arrays(pairs)) if pairs else ():
        known.index.by_phone.setdefault((row["account_id"], row["key"]), []).append(row["id"])
        wanted.add((row["account_id"], row["id"]))
    if wanted:
        await _load_leads(connection, wanted, known)
    await _load_holders(connection, batch, known)
    return known


async def _load_holders(connection: Connection, batch: Sequence[Incoming], known: Known) -> None:
    """Which CRMs hold the leads that a record of is gone."""
    links = known.index.links
    gone = {
        (item.account_id, link.lead_id)
        for item in batch
        if item.kind == "gone" and (link := links.get((item.account_id, item.owner, item.external_id or "")))
    }
    known.index.holders = {key: set() for key in gone}
    for row in await connection.fetch(queries.HOLDERS, *_arrays(list(gone))) if gone else ():
        holders = known.index.holders[row["account_id"], row["lead_id"]]
        holders.add((row["account_id"], row["owner"], row["external_id"]))


async def _load_leads(connection: Connection, wanted: Iterable[LeadKey], known: Known) -> None:
    for row in await connection.fetch(queries.LOAD_LEADS, *_arrays(list(wanted))):
        clocks = unpack(row["fields"], row["clocks"])
        known.leads[row["account_id"], row["id"]] = LeadState(
            row["account_id"], row["id"], row["version"], row["fields"], clocks, row["created_at"], row["updated_at"]
        )


async def _load_links(connection: Connection, batch: Sequence[Incoming], known: Known) -> None:
    linked = [item for item in batch if item.external_id is not None]
    records = {(item.account_id, item.owner, item.external_id or "") for item in linked}
    records.update((item.account_id, item.owner, item.merged_into) for item in batch if item.merged_into is not None)
    if records:
        for row in await connection.fetch(queries.LINKS, *_arrays(list(records))):
            key: LinkKey = (row["account_id"], row["owner"], row["external_id"])
            known.index.links[key] = Link(row["lead_id"], row["base"], row["seen_at"])
    of_crm = [item for item in linked if item.connection_id is not None and item.kind in ("write", "gone")]
    if of_crm:
        rows = [(i.account_id, i.owner, i.external_id, i.connection_id, i.lead_id) for i in of_crm]
        for row in await connection.fetch(queries.TARGETS, *_arrays(rows)):
            _note_target(row, known)
        await _load_former(connection, of_crm, known)


async def _load_former(connection: Connection, of_crm: Sequence[Incoming], known: Known) -> None:
    links = known.index.links
    late: dict[LeadKey, list[Link]] = {}
    for item in of_crm:
        link = links.get((item.account_id, item.owner, item.external_id or ""))
        if link is not None and may_be_late(item, link):
            late.setdefault((item.account_id, link.lead_id), []).append(link)
    for row in await connection.fetch(queries.FORMER, *_arrays(list(late))) if late else ():
        for link in late[row["account_id"], row["lead_id"]]:
            for name, (old, new, _) in spelled_out(row["changes"]).items():
                link.former.setdefault(name, []).extend((old, new))


def _note_target(row: asyncpg.Record, known: Known) -> None:
    """Newest knowledge wins, register by register: what we pushed, or what the source was last seen to hold."""
    key: LinkKey = (row["account_id"], row["owner"], row["external_id"])
    link = known.index.links.get(key)
    if link is None:
        known.index.links[key] = Link(
            row["lead_id"], row["base"], row["pushed_at"], row["sending"], row["pushed_at"], is_stored=False
        )
    elif link.lead_id == row["lead_id"]:
        newer_push = row["pushed_at"] > link.seen_at
        link.base = {**link.base, **row["base"]} if newer_push else {**row["base"], **link.base}
        link.seen_at, link.sending = max(link.seen_at, row["pushed_at"]), row["sending"]
        link.pushed_at = row["pushed_at"]


def _arrays(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """The rows' columns: texts, or whole numbers."""
    columns = zip(*rows, strict=True)
    return [text_array(each) if isinstance(each[0], str) else number_array(each) for each in columns]
