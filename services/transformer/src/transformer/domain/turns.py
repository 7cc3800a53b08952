"""Whether somebody wrote, between our reading and our writing, what our decisions rest on.

Batches are decided on without a lock and written one at a time for each account. Every batch leaves a token behind its
account's earlier ones (``leads.turn``). The tokens that are new when a batch's turn comes are the batches that overtook
it; if all of them are this process's own, and about other people and leads, the decisions stand.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from random import SystemRandom

from transformer.domain.decide import Known
from transformer.domain.incoming import Incoming

_REMEMBERED = 32  # of each of which some four thousand keys are kept
_random = SystemRandom()

Tokens = Mapping[int, Sequence[int]]  # account -> tokens of its latest writers, oldest first


class Overtaken(Exception):
    """Somebody else's batch may be about the same people: look again."""


class Turns:
    """What this process's latest batches were about, by their tokens."""

    def __init__(self) -> None:
        self._about: OrderedDict[int, frozenset[str]] = OrderedDict()

    def enter(self, about: frozenset[str]) -> int:
        """A new batch's token."""
        token = _random.getrandbits(63)
        self._about[token] = about
        if len(self._about) > _REMEMBERED:
            self._about.popitem(last=False)
        return token

    def unknown(self) -> int:
        """The token of a batch that others must look again after."""
        return _random.getrandbits(63)

    def check(self, about: frozenset[str], seen: Tokens, now: Tokens) -> None:
        """Raise Overtaken unless decisions made after ``seen`` still hold ``now``, when the turn has come."""
        for account, tokens in now.items():
            for token in _newer(tokens, seen.get(account, ())):
                others = self._about.get(token)
                if others is None or not others.isdisjoint(about):
                    raise Overtaken


def _newer(tokens: Sequence[int], seen: Sequence[int]) -> Iterable[int]:
    """The tokens after the last one seen; one that is not ours where that cannot be told."""
    if not seen:
        return tokens
    try:
        return tokens[tokens.index(seen[-1]) + 1 :]
    except ValueError:
        return (-1,)


def about(batch: Iterable[Incoming], known: Known) -> frozenset[str]:
    """Everything that the decisions on a batch rest on: the keys it was matched by, and the leads that were found.

    As texts: tuples, remembered by the thousand, occupy the garbage collector (4 µs a lead).
    """
    keys: set[str] = {f"{account}={lead_id}" for account, lead_id in known.leads}
    for item in batch:
        account = item.account_id
        if item.external_id is not None:
            keys.add(f"{account}:{item.owner}:{item.external_id}")
        if item.merged_into is not None:
            keys.add(f"{account}:{item.owner}:{item.merged_into}")
        if item.email:
            keys.add(f"{account}@{item.email}")
        if item.phone:
            keys.add(f"{account}#{item.phone}")
        if item.lead_id is not None:
            keys.add(f"{account}={item.lead_id}")
    return frozenset(keys)
