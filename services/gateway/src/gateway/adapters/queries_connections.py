"""SQL about CRM connections and their authorisation. ``control.connection`` is under no row-level security.

Each statement that changes a connection moves ``updated_at``, by which services notice; those that change credentials
move ``grant_version`` too, so that a token refresh which began before can not write its result over them.
"""

# ------------------------------------------------------------------------------------------------- authorising
BEGIN_ATTEMPT = """
    INSERT INTO control.oauth_attempt (state_hash, account_id, crm_type, connection_id, name, config, redirect_uri,
        return_to, session_hash, verifier, created_by, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $12::float8 * interval '1 second')
    RETURNING expires_at"""

# Whoever deletes the row has the attempt: a state works once, however many bring it at the same time.
TAKE_ATTEMPT = """
    DELETE FROM control.oauth_attempt WHERE state_hash = $1 AND ($2::bigint IS NULL OR account_id = $2)
    RETURNING state_hash, account_id, crm_type, connection_id, name, config, redirect_uri, return_to, session_hash,
              verifier, created_by, expires_at > now() AS in_time"""

FORGET_ATTEMPTS = "DELETE FROM control.oauth_attempt WHERE expires_at < now() - interval '1 day'"

# ------------------------------------------------------------------------------------------------- connections
# The row's id is part of what secrets are sealed for, so the row comes first, within one transaction.
ADD_CONNECTION = """
    INSERT INTO control.connection (account_id, crm_type, name, auth_type, config, webhook_mode, tenant, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending') ON CONFLICT (account_id, name) DO NOTHING RETURNING id"""

NAME_TAKEN = "SELECT id FROM control.connection WHERE account_id = $1 AND name = $2"

NAMES_LIKE = "SELECT name FROM control.connection WHERE account_id = $1 AND starts_with(name, $2)"

# New credentials, and what the CRM said to them: $7 is whether it was asked and accepted them.
SEAL_CREDENTIALS = """
    UPDATE control.connection SET credentials = $3, status = $4, status_reason = $5, tenant = coalesce($6, tenant),
        checked_at = CASE WHEN $7 THEN now() ELSE checked_at END, grant_version = grant_version + 1, refreshing = NULL,
        refreshing_until = NULL, updated_at = now()
    WHERE account_id = $1 AND id = $2"""

SEAL_WEBHOOK = """
    UPDATE control.connection SET webhook_secret = $3, updated_at = now()
    WHERE account_id = $1 AND id = $2 AND status <> 'disconnected' RETURNING id"""

# The connection that an account has with a CRM's customer; the newest, should there be several.
BY_TENANT = """
    SELECT id FROM control.connection WHERE account_id = $1 AND crm_type = $2 AND tenant = $3 AND auth_type = 'oauth2'
    ORDER BY status = 'disconnected', id DESC LIMIT 1"""

CONNECTION_ROW = """
    SELECT id, account_id, crm_type, name, auth_type, status, status_reason, config, tenant, credentials, webhook_mode,
           webhook_secret IS NOT NULL AS webhooks, grant_version, updated_at
    FROM control.connection WHERE account_id = $1 AND id = $2"""

SET_STATUS = """
    UPDATE control.connection SET status = $3, status_reason = $4, updated_at = now()
    WHERE account_id = $1 AND id = $2 AND status = ANY ($5::text[]) RETURNING id"""

# A look at the CRM that changes nothing but what is known of it.
CHECKED = """
    UPDATE control.connection SET checked_at = now(), tenant = coalesce(tenant, $3) WHERE account_id = $1 AND id = $2"""

CHANGE_CONNECTION = """
    UPDATE control.connection SET name = $3, config = $4, webhook_mode = $5, updated_at = now()
    WHERE account_id = $1 AND id = $2 AND updated_at = $6 RETURNING id"""

CHANGE_SCHEDULE = """
    UPDATE sync.stream SET schedule = $3, next_run_at = $4, updated_at = now()
    WHERE account_id = $1 AND connection_id = $2"""

STOP_STREAM = (
    "UPDATE sync.stream SET next_run_at = NULL, updated_at = now() WHERE account_id = $1 AND connection_id = $2"
)

ERASE_CREDENTIALS = """
    UPDATE control.connection SET credentials = NULL, webhook_secret = NULL, grant_version = grant_version + 1,
        updated_at = now()
    WHERE account_id = $1 AND id = $2 AND status = 'disconnected'"""

# Connections that were stored, but whose process died (or whose bus was away) before they were announced.
LEFT_PENDING = """
    SELECT account_id, id, crm_type FROM control.connection
    WHERE status = 'pending' AND credentials IS NOT NULL AND updated_at < now() - $1::float8 * interval '1 second'
    ORDER BY id LIMIT 100"""

HEARD = """
    UPDATE control.connection c SET heard_at = greatest(c.heard_at, u.at)
    FROM unnest($1::bigint[], $2::timestamptz[]) AS u (id, at) WHERE c.id = u.id"""

# ----------------------------------------------------------------------------------------------------- reading
_LAST_RUN = """
    LEFT JOIN LATERAL (
        SELECT jsonb_build_object('run_id', r.id, 'kind', r.kind, 'mode', r.mode, 'state', r.state,
                                  'records', r.records, 'finished_at', r.finished_at) AS run
        FROM sync.run r WHERE r.account_id = c.account_id AND r.connection_id = c.id
        ORDER BY r.created_at DESC LIMIT 1) last ON true
    LEFT JOIN LATERAL (
        SELECT max(greatest(r.page_at, r.finished_at)) AS at FROM (
            SELECT page_at, finished_at FROM sync.run r
            WHERE r.account_id = c.account_id AND r.connection_id = c.id AND r.page_at IS NOT NULL
            ORDER BY r.created_at DESC LIMIT 5) r) pulled ON true"""

_CONNECTIONS = f"""
    SELECT c.id, c.crm_type, c.name, c.auth_type, c.status, c.status_reason, c.tenant, c.config, c.webhook_mode,
           c.webhook_secret IS NOT NULL AS webhooks, c.created_at, c.updated_at, c.checked_at,
           coalesce(s.schedule, c.config ->> 'schedule', 'hourly') AS schedule, s.next_run_at,
           due.pending, failed.errors, last.run AS last_run,
           greatest(daily.last_push, c.heard_at, pulled.at) AS last_sync
    FROM control.connection c
    LEFT JOIN sync.stream s ON s.account_id = c.account_id AND s.connection_id = c.id
    CROSS JOIN LATERAL (SELECT count(*) AS pending FROM sync.target t
                        WHERE t.account_id = c.account_id AND t.connection_id = c.id AND t.state = 'due') due
    CROSS JOIN LATERAL (SELECT count(*) AS errors FROM sync.target t
                        WHERE t.account_id = c.account_id AND t.connection_id = c.id AND t.state = 'failed') failed
    CROSS JOIN LATERAL (SELECT max(last_sync_at) AS last_push FROM sync.daily d
                        WHERE d.account_id = c.account_id AND d.connection_id = c.id) daily
    {_LAST_RUN}
    WHERE c.account_id = $1"""  # noqa: S608 - parts of this file
CONNECTION_LIST = f"{_CONNECTIONS} AND ($2 OR c.status <> 'disconnected') ORDER BY c.id"
CONNECTION_DETAIL = f"{_CONNECTIONS} AND c.id = $2"

# How many of the account's leads the connection has a record of.
LINKED = "SELECT count(*) FROM leads.link WHERE account_id = $1 AND owner = 'crm/' || $2::bigint"

BUDGETS = """
    SELECT name, most AS limit, used, seconds, fixed, since, closed_until, learnt_at FROM sync.budget
    WHERE account_id = $1 AND connection_id = $2 ORDER BY seconds, name"""

DRIFT = """
    SELECT field, kind, detail, found_at FROM sync.drift
    WHERE account_id = $1 AND connection_id = $2 ORDER BY found_at DESC, field LIMIT 200"""
