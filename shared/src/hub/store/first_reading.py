"""A new connection is read before anything is written to it, wherever it was made."""

# In the transaction that makes the connection, so that this holds from its first moment on. The announcement begins the
# reading; the clock does, should that be lost.
EXPECT_READING = """
    INSERT INTO sync.stream (account_id, connection_id, schedule, next_run_at)
    SELECT account_id, id, coalesce(config ->> 'schedule', 'hourly'), now() + interval '1 minute'
    FROM control.connection WHERE account_id = $1 AND id = $2
    ON CONFLICT DO NOTHING"""
