"""SQL about runs that read CRMs, and about pushes that failed. All in a transaction that ``ACT_FOR`` began."""

_RUN = """
    SELECT id, connection_id, kind, mode, state, records, deleted, total, pages, attempts, error, requested_by,
           created_at, started_at, page_at, finished_at, now() AS at
    FROM sync.run WHERE account_id = $1 AND connection_id = $2"""

RUN = f"{_RUN} AND id = $3"
RUNS = f"""{_RUN} AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
    ORDER BY created_at DESC, id DESC LIMIT $5"""
ACTIVE_RUN = f"{_RUN} AND state IN ('queued', 'running', 'paused') LIMIT 1"

# One run at a time per connection: a unique index refuses the second.
ASK_RUN = """
    INSERT INTO sync.run (account_id, connection_id, id, kind, mode, requested_by)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id"""

# sync-worker sees that its run is not 'running' any more, and leaves it after the page in hand.
PAUSE_RUN = """
    UPDATE sync.run SET state = 'paused', claim = NULL, claimed_until = NULL
    WHERE account_id = $1 AND connection_id = $2 AND id = $3 AND state IN ('queued', 'running') RETURNING id"""
RESUME_RUN = """
    UPDATE sync.run SET state = 'queued', next_attempt_at = now()
    WHERE account_id = $1 AND connection_id = $2 AND id = $3 AND state = 'paused' RETURNING id"""
CANCEL_RUN = """
    UPDATE sync.run SET state = 'cancelled', finished_at = now(), claim = NULL, claimed_until = NULL
    WHERE account_id = $1 AND connection_id = $2 AND id = $3 AND state IN ('queued', 'running', 'paused')
    RETURNING records, deleted, kind, mode, extract(epoch FROM now() - created_at)::float8 * 1000 AS duration_ms"""
CANCEL_ACTIVE = """
    UPDATE sync.run SET state = 'cancelled', finished_at = now(), claim = NULL, claimed_until = NULL
    WHERE account_id = $1 AND connection_id = $2 AND state IN ('queued', 'running', 'paused')"""

# ------------------------------------------------------------------------------------------------ failed pushes
# 'failed' has given up; 'retrying' failed and will be tried again. {} are further conditions and the limit's place.
FAILURES = """
    SELECT t.connection_id, t.lead_id, c.name AS connection, c.crm_type, t.external_id, t.attempts, t.desired_at,
           t.next_attempt_at, t.state, t.last_error
    FROM sync.target t JOIN control.connection c ON c.account_id = t.account_id AND c.id = t.connection_id
    WHERE {} ORDER BY t.connection_id, t.lead_id LIMIT {}"""

# A fresh start, a bounded number of rows a time: attempts from zero, due now.
REDRIVE = """
    WITH chosen AS MATERIALIZED (
        SELECT t.account_id, t.connection_id, t.lead_id
        FROM sync.target t JOIN control.connection c ON c.account_id = t.account_id AND c.id = t.connection_id
        WHERE {} ORDER BY t.connection_id, t.lead_id LIMIT {} FOR UPDATE OF t
    )
    UPDATE sync.target t SET state = 'due', attempts = 0, next_attempt_at = now()
    FROM chosen WHERE (t.account_id, t.connection_id, t.lead_id)
                    = (chosen.account_id, chosen.connection_id, chosen.lead_id)"""
