"""What COPY reads is what INSERT would have written."""

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer.adapters.copying import copy_lines

NASTY = [
    "plain",
    "",
    "tab\there",
    "line\nbreak",
    "back\\slash",
    "\\N",
    "\\.",
    "\r\b\f\v",
    "ünï — 漢字 🙂",
    '{"a": "\\u00e9"}',
]


async def test_nasty_texts_and_documents_survive(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE TEMPORARY TABLE t (n bigint, word text, doc jsonb)")
        rows = [(number, word, {"k": [word]}) for number, word in enumerate(NASTY)] + [(99, None, None)]
        source = _Stream(copy_lines(["bigint", "text", "jsonb"], rows))
        await connection.copy_to_table("t", source=source)
        found = await connection.fetch("SELECT n, word, doc #>> '{k,0}' AS inner FROM t ORDER BY n")
    finally:
        await connection.close()
    assert [(row["n"], row["word"]) for row in found] == [(number, word) for number, word, _ in rows]
    assert [row["inner"] for row in found[:-1]] == NASTY


class _Stream:
    def __init__(self, content: bytes) -> None:
        self._content = [content]

    def __aiter__(self) -> "_Stream":
        return self

    async def __anext__(self) -> bytes:
        if not self._content:
            raise StopAsyncIteration
        return self._content.pop()


@given(st.lists(st.tuples(st.integers(), st.text(st.characters(codec="utf-8", exclude_characters="\x00"))), min_size=1))
def test_a_row_is_a_line_and_a_value_a_column(rows: list[tuple[int, str]]) -> None:
    lines = copy_lines(["bigint", "text"], rows).decode().split("\n")
    assert len(lines) == len(rows) + 1
    assert all(line.count("\t") == 1 for line in lines[:-1])


@pytest.mark.parametrize("value", [None, 7])
def test_a_number_may_be_missing(value: int | None) -> None:
    assert copy_lines(["bigint"], [(value,)]) == (b"\\N\n" if value is None else b"7\n")
