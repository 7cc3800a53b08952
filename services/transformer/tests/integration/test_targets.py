"""Finding what was pushed takes the time of the records asked for, not that of the whole CRM."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson
import pytest

from hub.store.arrays import number_array, text_array
from transformer.adapters import queries

TARGETS, ASKED = 5_000, 100
_FILL = """
    INSERT INTO sync.target (account_id, connection_id, lead_id, desired_version, external_id, base, state)
    SELECT 1, 1, number, 1, 'R' || number, '{"first_name": "Ada"}', 'in_sync' FROM generate_series(1, $1::int) number"""


def rows_touched(node: dict[str, Any]) -> Iterator[float]:
    """Of each step of a plan: rows that came out, and rows that were looked at in vain."""
    removed = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Join Filter"))
    yield float((node["Actual Rows"] + removed) * node["Actual Loops"])
    for inner in node.get("Plans", ()):
        yield from rows_touched(inner)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_targets_are_found_without_reading_all_of_them(database_url: str, mode: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        # As after a first reading: the planner knows nothing of the new rows yet.
        await connection.execute("ALTER TABLE sync.target SET (autovacuum_enabled = false)")
        await connection.execute("SELECT set_config('plan_cache_mode', $1, false)", mode)
        await connection.execute(_FILL, TARGETS)
        numbers = range(1, ASKED + 1)
        ones, owners, nobody = number_array([1] * ASKED), text_array(["crm/1"] * ASKED), number_array([0] * ASKED)
        asked = [ones, owners, text_array([f"R{n}" for n in numbers]), ones, nobody]
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {queries.TARGETS}", *asked)
        document = told if isinstance(told, list) else orjson.loads(told)
        assert max(rows_touched(document[0]["Plan"])) <= 2 * TARGETS
        assert len(await connection.fetch(queries.TARGETS, *asked)) == ASKED
        by_lead = [ones, owners, text_array(["?"] * ASKED), ones, number_array(numbers)]
        found = await connection.fetch(queries.TARGETS, *by_lead)
        assert {row["lead_id"] for row in found} == set(numbers)
        both = await connection.fetch(queries.TARGETS, *asked[:4], number_array(numbers))
        assert len(both) == ASKED  # once, although both ways lead there
    finally:
        await connection.close()
