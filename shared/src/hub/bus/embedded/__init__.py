"""The bus in the hub's own PostgreSQL: tables, ``FOR UPDATE SKIP LOCKED``, ``LISTEN``/``NOTIFY``."""
