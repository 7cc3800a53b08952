"""Arrays as text are what the driver would have sent."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.store.arrays import number_array, text_array

_PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
_TEXTS = st.lists(_PLAIN | st.sampled_from(["NULL", "", "{}", '"', "\\", '","', " a "]))
_NUMBERS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=_TEXTS, numbers=_NUMBERS)
async def test_postgresql_reads_what_was_meant(
    connection: asyncpg.Connection, texts: list[str], numbers: list[int | None]
) -> None:
    statement = "SELECT $1::text::text[] AS texts, $2::text::bigint[] AS numbers"
    row = await connection.fetchrow(statement, text_array(texts), number_array(numbers))
    assert row is not None
    assert (row["texts"], row["numbers"]) == (texts, numbers)


async def test_a_nul_is_refused_as_in_any_text(connection: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await connection.fetchval("SELECT $1::text::text[]", text_array(["a\x00"]))
