"""What COPY reads is what INSERT would have written."""

from datetime import UTC, datetime, timedelta, timezone
from operator import itemgetter

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.copying import copy_lines, whole

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
        source = whole(copy_lines(["bigint", "text", "jsonb"], rows))
        await connection.copy_to_table("t", source=source)
        found = await connection.fetch("SELECT n, word, doc #>> '{k,0}' AS inner FROM t ORDER BY n")
    finally:
        await connection.close()
    assert [(row["n"], row["word"]) for row in found] == [(number, word) for number, word, _ in rows]
    assert [row["inner"] for row in found[:-1]] == NASTY


@given(st.lists(st.tuples(st.integers(), st.text(st.characters(codec="utf-8", exclude_characters="\x00"))), min_size=1))
def test_a_row_is_a_line_and_a_value_a_column(rows: list[tuple[int, str]]) -> None:
    lines = copy_lines(["bigint", "text"], rows).decode().split("\n")
    assert len(lines) == len(rows) + 1
    assert all(line.count("\t") == 1 for line in lines[:-1])


async def test_moments_survive_alike_or_not(database_url: str) -> None:
    noon = datetime(2026, 1, 10, 12, tzinfo=UTC)
    later = noon.replace(microsecond=1, tzinfo=timezone(timedelta(hours=-5)))
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE TEMPORARY TABLE t (n int, at timestamptz)")
        for moments in ([noon, noon], [noon, later]):
            await connection.copy_to_table(
                "t", source=whole(copy_lines(["int", "timestamptz"], list(enumerate(moments))))
            )
            found = await connection.fetch("DELETE FROM t RETURNING n, at")
            assert [row["at"] for row in sorted(found, key=itemgetter("n"))] == moments
    finally:
        await connection.close()


@pytest.mark.parametrize("value", [None, 7])
def test_a_number_may_be_missing(value: int | None) -> None:
    assert copy_lines(["bigint"], [(value,)]) == (b"\\N\n" if value is None else b"7\n")
