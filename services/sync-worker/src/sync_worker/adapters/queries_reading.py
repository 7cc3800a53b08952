"""Every statement about reading CRMs: runs, the records they met, and records that webhooks told of."""

# A run of which nobody has hold, of a connection that may be called. The claim fences its holder.
CLAIM_RUN = """
    WITH due AS MATERIALIZED (
        SELECT r.account_id, r.connection_id, r.id
        FROM sync.run r JOIN control.connection c ON (c.account_id, c.id) = (r.account_id, r.connection_id)
        WHERE r.state IN ('queued', 'running') AND r.next_attempt_at <= now()
          AND (r.claimed_until IS NULL OR r.claimed_until <= now()) AND c.status = 'connected'
        ORDER BY r.next_attempt_at LIMIT $1
        FOR UPDATE OF r SKIP LOCKED
    )
    UPDATE sync.run r SET state = 'running', claim = $2, claimed_until = now() + $3::float8 * interval '1 second',
        started_at = coalesce(r.started_at, now())
    FROM due WHERE (r.account_id, r.connection_id, r.id) = (due.account_id, due.connection_id, due.id)
    RETURNING r.account_id, r.connection_id, r.id, r.kind, r.mode, r.attempts, r.read_at, r.last_event, r.started_at,
        coalesce(r.cursor, (SELECT s.cursor FROM sync.stream s WHERE r.mode = 'changes'
                            AND (s.account_id, s.connection_id) = (r.account_id, r.connection_id))) AS cursor"""

# Still ours, and still wanted?
KEEP_RUN = """
    UPDATE sync.run SET claimed_until = now() + $5::float8 * interval '1 second'
    WHERE account_id = $1 AND connection_id = $2 AND id = $3 AND claim = $4 AND state = 'running' RETURNING true"""

# A page is durable with the cursor after it, in one transaction.
PAGE = """
    UPDATE sync.run SET cursor = $5, records = records + $6, deleted = deleted + $7, total = coalesce($8, total),
        pages = pages + 1, page_at = now(), attempts = 0, error = NULL,
        last_event = coalesce($9, last_event), read_at = CASE WHEN $10 THEN now() END,
        claimed_until = now() + $11::float8 * interval '1 second'
    WHERE account_id = $1 AND connection_id = $2 AND id = $3 AND claim = $4 AND state = 'running' RETURNING true"""

MET = """
    INSERT INTO sync.met (account_id, connection_id, run_id, record_id)
    SELECT $1, $2, $3, * FROM unnest($4::text[]) ON CONFLICT DO NOTHING"""

# Linked records that a full reading did not meet; those linked since it began are newer than it.
MISSED = """
    SELECT l.external_id FROM leads.link l
    WHERE l.account_id = $1 AND l.owner = 'crm/' || $2::bigint AND l.seen_at < $4 AND l.external_id > $5
      AND NOT EXISTS (SELECT FROM sync.met m WHERE (m.account_id, m.connection_id, m.run_id, m.record_id)
                                                 = ($1, $2, $3, l.external_id))
    ORDER BY l.external_id LIMIT $6"""

# Of the linked records, were fewer than half met?
IMPLAUSIBLE = """
    SELECT 2 * count(m.record_id) < count(*) FROM leads.link l
    LEFT JOIN sync.met m ON (m.account_id, m.connection_id, m.run_id, m.record_id) = ($1, $2, $3, l.external_id)
    WHERE l.account_id = $1 AND l.owner = 'crm/' || $2::bigint AND l.seen_at < $4"""

FORGET_MET = "DELETE FROM sync.met WHERE account_id = $1 AND connection_id = $2 AND run_id = $3"

ARRIVED = "SELECT true FROM leads.inbox WHERE account_id = $1 AND event_id = $2"

PUT_OFF = """
    UPDATE sync.run SET state = 'queued', attempts = $5, error = $6, claim = NULL, claimed_until = NULL,
        next_attempt_at = now() + $7::float8 * interval '1 second'
    WHERE account_id = $1 AND connection_id = $2 AND id = $3 AND claim = $4 AND state = 'running'"""

# The end of a run. With 'done' its last cursor is where the next changes begin.
FINISH = """
    WITH ended AS (
        UPDATE sync.run SET state = $5, error = $6, attempts = $7, finished_at = now(), claim = NULL,
            claimed_until = NULL
        WHERE account_id = $1 AND connection_id = $2 AND id = $3 AND claim = $4 AND state = 'running'
        RETURNING account_id, connection_id, state, cursor, records, deleted,
                  extract(epoch FROM now() - created_at)::float8 * 1000 AS duration_ms
    ), kept AS (
        INSERT INTO sync.stream AS s (account_id, connection_id, cursor)
        SELECT account_id, connection_id, cursor FROM ended WHERE state = 'done'
        ON CONFLICT (account_id, connection_id) DO UPDATE SET cursor = EXCLUDED.cursor, updated_at = now()
    )
    SELECT * FROM ended"""

# Work that the clock asks for: one run at a time per connection, by a unique index. The next time is the caller's.
DUE_STREAMS = """
    SELECT s.account_id, s.connection_id, s.schedule, s.cursor IS NULL AS unread
    FROM sync.stream s JOIN control.connection c ON (c.account_id, c.id) = (s.account_id, s.connection_id)
    WHERE s.next_run_at <= now() AND c.status = 'connected'
    ORDER BY s.next_run_at LIMIT $1
    FOR UPDATE OF s SKIP LOCKED"""

PLAN_NEXT = """
    UPDATE sync.stream SET next_run_at = $3, updated_at = now() WHERE account_id = $1 AND connection_id = $2"""

ASK = """
    INSERT INTO sync.run (account_id, connection_id, id, kind, mode, requested_by)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id"""

BEGIN_STREAM = """
    INSERT INTO sync.stream AS s (account_id, connection_id, schedule, next_run_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account_id, connection_id) DO UPDATE SET schedule = EXCLUDED.schedule,
        next_run_at = EXCLUDED.next_run_at, updated_at = now()
    RETURNING s.cursor IS NULL AS unread"""

# Whether the connection's leads may be written: what it holds is read first, so that nobody is created twice.
UNREAD = """
    SELECT true FROM sync.run WHERE account_id = $1 AND connection_id = $2 AND mode = 'full'
        AND state IN ('queued', 'running', 'paused')
        AND NOT EXISTS (SELECT FROM sync.stream s WHERE (s.account_id, s.connection_id) = ($1, $2)
                        AND s.cursor IS NOT NULL)"""

HEAR = """
    INSERT INTO sync.wanted AS w (account_id, connection_id, record_id)
    SELECT DISTINCT u.account_id, u.connection_id, u.record_id
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS u (account_id, connection_id, record_id)
    JOIN control.connection c ON (c.account_id, c.id) = (u.account_id, u.connection_id) AND c.status <> 'disconnected'
    ORDER BY 1, 2, 3
    ON CONFLICT (account_id, connection_id, record_id) DO UPDATE SET heard = w.heard + 1,
        next_attempt_at = CASE WHEN w.claim IS NULL THEN now() ELSE w.next_attempt_at END"""

CLAIM_WANTED = """
    WITH due AS MATERIALIZED (
        SELECT account_id, connection_id, record_id FROM sync.wanted
        WHERE account_id = $1 AND connection_id = $2 AND next_attempt_at <= now()
          AND (claimed_until IS NULL OR claimed_until <= now())
        ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE sync.wanted w SET claim = $4, claimed_until = now() + $5::float8 * interval '1 second'
    FROM due WHERE (w.account_id, w.connection_id, w.record_id) = (due.account_id, due.connection_id, due.record_id)
    RETURNING w.record_id, w.heard, w.attempts"""

# Read and told; a hint that came during the reading keeps its row.
DROP_WANTED = """
    WITH told AS MATERIALIZED (
        SELECT * FROM unnest($3::text[], $4::int[]) AS u (record_id, heard)
    ), gone AS (
        DELETE FROM sync.wanted w USING told
        WHERE (w.account_id, w.connection_id, w.record_id) = ($1, $2, told.record_id)
          AND w.claim = $5 AND w.heard = told.heard
        RETURNING w.record_id
    )
    UPDATE sync.wanted w SET claim = NULL, claimed_until = NULL, attempts = 0, next_attempt_at = now()
    FROM told
    WHERE (w.account_id, w.connection_id, w.record_id) = ($1, $2, told.record_id) AND w.claim = $5
      AND w.heard <> told.heard"""

PUT_OFF_WANTED = """
    UPDATE sync.wanted SET claim = NULL, claimed_until = NULL, attempts = attempts + $4,
        next_attempt_at = now() + $5::float8 * interval '1 second'
    WHERE account_id = $1 AND connection_id = $2 AND claim = $3"""

WANTING = """
    SELECT DISTINCT w.account_id, w.connection_id FROM sync.wanted w
    JOIN control.connection c ON (c.account_id, c.id) = (w.account_id, w.connection_id) AND c.status = 'connected'
    WHERE w.next_attempt_at <= now() AND (w.claimed_until IS NULL OR w.claimed_until <= now())"""

# How a connection is to be read: what its configuration says; null for one that is not there.
SCHEDULE = """
    SELECT crm_type, coalesce(config ->> 'schedule', 'hourly') AS schedule FROM control.connection
    WHERE account_id = $1 AND id = $2"""

SCHEMA_SEEN = """
    SELECT fields, seen_at > now() - $3::float8 * interval '1 second' AS fresh FROM sync.remote_schema
    WHERE account_id = $1 AND connection_id = $2"""

KEEP_SCHEMA = """
    INSERT INTO sync.remote_schema AS s (account_id, connection_id, fields, owners) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account_id, connection_id) DO UPDATE SET fields = EXCLUDED.fields, owners = EXCLUDED.owners,
        seen_at = now()"""

FORGET_DRIFT = """
    DELETE FROM sync.drift WHERE account_id = $1 AND connection_id = $2
        AND (field, kind) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))"""

KEEP_DRIFT = """
    INSERT INTO sync.drift (account_id, connection_id, field, kind, detail)
    SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[])
    ON CONFLICT (account_id, connection_id, field, kind) DO UPDATE SET detail = EXCLUDED.detail"""
