"""What an exception says, without what it quotes: the values that it could not bear are people's data."""

import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import asyncpg
from pydantic import ValidationError

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|'.*|\".*", re.DOTALL)
_LONGEST = 500


def words(error: BaseException) -> str:
    """``Class: message``, at most 500 characters, with no value in it that came from outside."""
    return f"{type(error).__name__}: {_message(error)}"[:_LONGEST]


def _message(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])[:100]}: {first['msg']}"
    if isinstance(error, asyncpg.DataError):  # "invalid input for query argument $5: the value (a text is required)"
        return _QUOTED.sub("'…'", str(error).partition(":")[0])
    return _QUOTED.sub("'…'", str(error)) if isinstance(error, ValueError) else str(error)


def traced(error: BaseException) -> str:
    """The traceback with ``words`` in place of the messages; causes first."""
    chain: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        chain.append(f"Traceback (most recent call last):\n{frames}{words(current)}")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\nwhich led to:\n\n".join(reversed(chain))


def write_traces(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A log processor: ``exc_info`` becomes the text ``exception``, quoting nothing."""
    given = entry.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    if isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        entry["exception"] = traced(given)
    return entry
