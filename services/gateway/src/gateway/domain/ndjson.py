"""Newline-delimited JSON: one record a line; a bad line costs only itself."""

from typing import Any

import orjson

from gateway.domain.json_text import NotJson, decode_json
from gateway.domain.lines import LineSplitter
from gateway.domain.problems import Code, Problem

Rows = list[tuple[int, Any]]  # line number, and the decoded record or a Problem
_BOM = b"\xef\xbb\xbf"


class NdjsonReader:
    """Feed chunks, get (line number, decoded record or Problem)."""

    def __init__(self) -> None:
        self._lines = LineSplitter()

    def feed(self, chunk: bytes) -> Rows:
        """The records that this chunk completes."""
        return _decode(self._lines.feed(chunk))

    def finish(self) -> Rows:
        """The record of the last line, when it had no line end."""
        return _decode(self._lines.finish())


def _decode(lines: list[tuple[int, bytes | None]]) -> Rows:
    rows: Rows = []
    for number, line in lines:
        if line is None:
            rows.append((number, Problem(Code.LINE_TOO_LONG, "The line is too long")))
            continue
        if number == 1:
            line = line.removeprefix(_BOM)
        try:
            rows.append((number, orjson.loads(line)))
        except orjson.JSONDecodeError:
            if not line.isspace() and line:
                rows.append((number, _second_look(line)))
    return rows


def _second_look(line: bytes) -> Any:
    try:
        return decode_json(line)
    except NotJson as error:
        code = Code.INVALID_UTF8 if error.not_utf8 else Code.INVALID_JSON
        return Problem(code, error.reason)
