"""Schema changes, applied in order by Alembic. Each revision is a short Python file beside the SQL it runs."""

from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy import text


def run_sql_file(revision_file: str) -> None:
    """Run the ``.sql`` file of the same name, all statements in the revision's transaction."""
    script = Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8")
    connection = op.get_bind()
    connection.execute(text("SELECT 1"))  # opens the transaction that the script then runs in
    driver: Any = connection.connection.dbapi_connection
    driver.run_async(lambda asyncpg_connection: asyncpg_connection.execute(script))
