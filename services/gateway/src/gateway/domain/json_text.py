"""JSON from outside: strict where it must be, and precise about what is wrong."""

import json
from typing import Any, NoReturn

import orjson

MAX_DEPTH = 32


class NotJson(Exception):
    """A text that is not JSON. ``reason`` says where; it never repeats the text."""

    def __init__(self, reason: str, *, not_utf8: bool = False) -> None:
        self.reason, self.not_utf8 = reason, not_utf8
        super().__init__(reason)


def decode_json(body: bytes) -> Any:
    """The value of a JSON text. Raises NotJson.

    orjson refuses a whole text for one lone surrogate or one enormous number. The standard library reads those, so
    that validation can name the record and the field; it is asked only when orjson said no.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = _lenient(body, f"{error.msg} at line {error.lineno}, column {error.colno}")
    check_depth(body, value)
    return value


def _lenient(body: bytes, first_reason: str) -> Any:
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant, parse_float=float)
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8 at byte {error.start}", not_utf8=True) from None
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except ValueError:
        raise NotJson(first_reason) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def check_depth(body: bytes, value: Any) -> None:
    """Raise NotJson when containers nest more than MAX_DEPTH deep (what reads it later may not cope)."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    level = [value] if _is_container(value) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if _is_container(child)
        ]
        if not level:
            return
    raise NotJson("nested too deeply")


def _is_container(value: Any) -> bool:
    return type(value) is dict or type(value) is list
