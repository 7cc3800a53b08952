"""Which lead is it? By link, then e-mail, then phone; else a new one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from transformer.domain.incoming import Incoming

LeadKey = tuple[int, int]  # account, lead
LinkKey = tuple[int, str, str]  # account, owner, external id


@dataclass(slots=True)
class Link:
    """What is known of a source's record: its lead, and the values the source last held."""

    lead_id: int
    base: dict[str, Any]
    seen_at: float
    sending: dict[str, Any] | None = None
    pushed_at: float = 0.0  # when the hub last wrote to the record
    former: dict[str, list[Any]] = field(default_factory=dict)  # register -> values the lead had not long ago
    is_stored: bool = True  # false: known from a push only, there is no link row yet


@dataclass(slots=True)
class Index:
    """Everything that could identify the leads of a batch; grows as the batch creates leads."""

    links: dict[LinkKey, Link] = field(default_factory=dict)
    holders: dict[LeadKey, set[LinkKey]] = field(default_factory=dict)  # CRM records of leads that a record of is gone
    by_email: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    by_phone: dict[tuple[int, str], list[int]] = field(default_factory=dict)

    def note(self, account_id: int, lead_id: int, email: str | None, phone: str | None) -> None:
        """A lead can be found by these from now on."""
        if email:
            _append(self.by_email.setdefault((account_id, email), []), lead_id)
        if phone:
            _append(self.by_phone.setdefault((account_id, phone), []), lead_id)


def find(incoming: Incoming, index: Index, fields_of: Mapping[LeadKey, Mapping[str, Any]]) -> int | None:
    """The lead that this is about, or None when it must be a new one.

    ``fields_of`` has the registers of every candidate. A shared phone alone does not make two people one: when
    both have an e-mail and the two differ, the first names must agree.
    """
    account = incoming.account_id
    if incoming.external_id is not None and (link := index.links.get((account, incoming.owner, incoming.external_id))):
        return link.lead_id
    if incoming.lead_id is not None and ((account, incoming.lead_id) in fields_of or incoming.must_exist):
        return incoming.lead_id if (account, incoming.lead_id) in fields_of else None
    if incoming.email:
        for lead_id in index.by_email.get((account, incoming.email), ()):
            if fields_of[account, lead_id].get("email") == incoming.email:  # it may have changed within the batch
                return lead_id
    if incoming.phone:
        return _by_phone(incoming, index.by_phone.get((account, incoming.phone), ()), fields_of)
    return None


def _by_phone(
    incoming: Incoming, candidates: Iterable[int], fields_of: Mapping[LeadKey, Mapping[str, Any]]
) -> int | None:
    for lead_id in candidates:
        fields = fields_of[incoming.account_id, lead_id]
        if fields.get("phone") != incoming.phone:
            continue
        email, name = fields.get("email"), fields.get("first_name")
        typed_name = incoming.fields.get("first_name")
        same_name = bool(name and typed_name) and str(name).casefold() == str(typed_name).casefold()
        if same_name or not email or not incoming.fields.get("email"):
            return lead_id
    return None


def _append(ids: list[int], lead_id: int) -> None:
    if lead_id not in ids:
        ids.append(lead_id)
