"""SQL about the grants of connections: $1 is the account, $2 the connection."""

GRANT = """
    SELECT status, status_reason, credentials, grant_version, crm_type, config FROM control.connection
    WHERE account_id = $1 AND id = $2"""

# Whose turn it is to refresh: of all processes one, until it has written, or its time is over. The version fences it.
TAKE_TURN = """
    UPDATE control.connection SET refreshing = $4, refreshing_until = now() + $5::float8 * interval '1 second'
    WHERE account_id = $1 AND id = $2 AND grant_version = $3 AND status <> 'disconnected'
      AND (refreshing IS NULL OR refreshing_until <= now())
    RETURNING true"""

# ``updated_at`` stays: the connection is the same, and who works on it goes on.
KEEP_GRANT = """
    UPDATE control.connection SET credentials = $5, grant_version = grant_version + 1, refreshing = NULL,
        refreshing_until = NULL, checked_at = now(), tenant = coalesce(tenant, $6)
    WHERE account_id = $1 AND id = $2 AND grant_version = $3 AND refreshing = $4 RETURNING grant_version"""

LEAVE_TURN = """
    UPDATE control.connection SET refreshing = NULL, refreshing_until = NULL
    WHERE account_id = $1 AND id = $2 AND refreshing = $3"""

# The vendor says that the grant is gone. Everybody who works on the connection sees it at the next look.
GRANT_DEAD = """
    UPDATE control.connection SET status = 'needs_reauth', status_reason = $5, refreshing = NULL,
        refreshing_until = NULL, updated_at = now()
    WHERE account_id = $1 AND id = $2 AND grant_version = $3 AND refreshing = $4 AND status <> 'disconnected'"""
