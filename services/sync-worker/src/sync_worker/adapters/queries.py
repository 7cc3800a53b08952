"""Every statement of sync-worker. Each works on a batch, and locks rows in key order: batches cannot deadlock.

Joins go by the whole key out of a materialised CTE, never by ``account_id = $1``: from a constant, and before the first
ANALYZE, the planner concludes that a connection has one row, and then reads all of them for every row of the batch.
"""

# Accounts for which there is anything to do.
CONNECTED = """
    SELECT DISTINCT account_id FROM control.connection
    WHERE account_id = ANY($1::bigint[]) AND status <> 'disconnected'"""

# Leads changed: raise what their connections should have. Duplicates and older versions change nothing. A row that is
# waiting keeps its time; one that was in sync or given up on is due at once, with a clean slate.
RAISE = """
    INSERT INTO sync.target AS t (account_id, connection_id, lead_id, desired_version)
    SELECT c.account_id, c.id, e.lead_id, e.version
    FROM (
        SELECT account_id, lead_id, max(version) AS version
        FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS u (account_id, lead_id, version)
        GROUP BY account_id, lead_id
    ) e
    JOIN control.connection c ON c.account_id = e.account_id AND c.status <> 'disconnected'
    ORDER BY c.account_id, c.id, e.lead_id
    ON CONFLICT (account_id, connection_id, lead_id) DO UPDATE SET
        desired_version = EXCLUDED.desired_version,
        desired_at = CASE WHEN t.state = 'due' AND t.claim IS NULL THEN t.desired_at ELSE now() END,
        attempts = CASE WHEN t.state = 'due' THEN t.attempts ELSE 0 END,
        next_attempt_at = CASE WHEN t.state = 'due' THEN t.next_attempt_at ELSE now() END,
        state = CASE WHEN t.state = 'gone' AND NOT EXISTS (
            SELECT FROM leads.link l WHERE l.account_id = t.account_id AND l.lead_id = t.lead_id
            AND l.owner = 'crm/' || t.connection_id) THEN 'gone' ELSE 'due' END
    WHERE t.desired_version < EXCLUDED.desired_version
    RETURNING t.account_id, t.connection_id"""

# A connection was made (or made again): everything there is should be there, given-up leads included; but not those
# whose record the CRM's users have deleted. In slices by id.
SEED = """
    WITH slice AS (
        SELECT l.id, l.version FROM leads.lead l
        WHERE l.account_id = $1 AND l.id > $3
          AND EXISTS (SELECT FROM control.connection c
                      WHERE c.account_id = $1 AND c.id = $2 AND c.status <> 'disconnected')
        ORDER BY l.id LIMIT $4
    ), raised AS (
        INSERT INTO sync.target AS t (account_id, connection_id, lead_id, desired_version)
        SELECT $1, $2, id, version FROM slice ORDER BY id
        ON CONFLICT (account_id, connection_id, lead_id) DO UPDATE SET
            desired_version = greatest(t.desired_version, EXCLUDED.desired_version),
            desired_at = CASE WHEN t.state = 'due' THEN t.desired_at ELSE now() END,
            attempts = 0,
            next_attempt_at = now(),
            state = 'due'
        WHERE t.state IN ('due', 'failed') OR (t.state = 'in_sync' AND t.desired_version < EXCLUDED.desired_version)
    )
    SELECT max(id) FROM slice"""

# Take due rows in hand and read everything that decides about them. What a call may leave in the CRM is written ahead
# of it: the intent of a create where the record is not known (``create_in_doubt``: an earlier claim left one behind),
# and the registers about to be sent, so that the CRM's echo of them is not taken for somebody's edit.
# While claimed, a row's next_attempt_at is the lease's end: so the index of due rows never leads through rows in hand.
CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT account_id, connection_id, lead_id, desired_version, desired_at, external_id, base, pushed_at, intent,
               attempts
        FROM sync.target
        WHERE account_id = $1 AND connection_id = $2 AND state = 'due' AND next_attempt_at <= now()
          AND (claimed_until IS NULL OR claimed_until <= now())
          AND NOT EXISTS (  -- a new connection is read first, so that nobody is created twice: it is yet to begin …
              SELECT FROM sync.stream s WHERE s.account_id = $1 AND s.connection_id = $2 AND s.cursor IS NULL
                  AND NOT EXISTS (SELECT FROM sync.run r WHERE r.account_id = $1 AND r.connection_id = $2))
          AND NOT EXISTS (  -- … or has not ended
              SELECT FROM sync.run r WHERE r.account_id = $1 AND r.connection_id = $2 AND r.mode = 'full'
                  AND r.state IN ('queued', 'running', 'paused')
                  AND NOT EXISTS (SELECT FROM sync.stream s WHERE s.account_id = $1 AND s.connection_id = $2
                                  AND s.cursor IS NOT NULL))
        ORDER BY next_attempt_at LIMIT $3
        FOR UPDATE SKIP LOCKED
    ), known AS MATERIALIZED (
        SELECT due.*, link.external_id AS linked_id, link.base AS seen, link.seen_at, lead.version, lead.fields
        FROM due
        LEFT JOIN leads.lead ON lead.account_id = due.account_id AND lead.id = due.lead_id
        LEFT JOIN LATERAL (
            SELECT external_id, base::jsonb AS base, seen_at FROM leads.link
            WHERE account_id = due.account_id AND lead_id = due.lead_id AND owner = 'crm/' || due.connection_id
            ORDER BY external_id = due.external_id DESC NULLS LAST, seen_at, external_id LIMIT 1
        ) link ON true
    ), claimed AS (
        UPDATE sync.target t SET
            claim = $4,
            claimed_until = now() + $5::float8 * interval '1 second',
            next_attempt_at = now() + $5::float8 * interval '1 second',
            intent = CASE WHEN coalesce(known.external_id, known.linked_id) IS NULL THEN coalesce(t.intent, now()) END,
            sending = CASE
                WHEN known.fields <@ (known.base || coalesce(known.seen, '{}'))
                     AND known.fields <@ (coalesce(known.seen, '{}') || known.base) THEN t.sending  -- nothing differs
                ELSE coalesce(t.sending, '{}') || coalesce(known.fields, '{}') END
        FROM known
        WHERE (t.account_id, t.connection_id, t.lead_id) = (known.account_id, known.connection_id, known.lead_id)
    )
    SELECT lead_id, desired_version, coalesce(external_id, linked_id) AS external_id, base, pushed_at, seen, seen_at,
           intent IS NOT NULL AS create_in_doubt, attempts, version, fields,
           extract(epoch FROM now() - desired_at)::float8 * 1000 AS waited_ms
    FROM known"""

# The same, the latest first: so that an edit goes out soon although a whole account's leads stand before it.
CLAIM_LATEST = CLAIM.replace("ORDER BY next_attempt_at LIMIT", "ORDER BY next_attempt_at DESC LIMIT")

# Are there so many? (It does not count further.)
BACKLOG = """
    SELECT count(*) FROM (
        SELECT FROM sync.target WHERE account_id = $1 AND connection_id = $2 AND state = 'due'
            AND next_attempt_at <= now() AND (claimed_until IS NULL OR claimed_until <= now()) LIMIT $3
    ) due"""

# A sign of life from whoever has the rows in hand. Those that come back are still his.
KEEP = """
    WITH held AS MATERIALIZED (
        SELECT t.account_id, t.connection_id, t.lead_id
        FROM unnest($3::bigint[], $4::uuid[]) AS h (lead_id, claim)
        JOIN sync.target t ON (t.account_id, t.connection_id, t.lead_id, t.claim) = ($1, $2, h.lead_id, h.claim)
        ORDER BY t.lead_id FOR UPDATE OF t
    )
    UPDATE sync.target t SET claimed_until = now() + $5::float8 * interval '1 second',
        next_attempt_at = now() + $5::float8 * interval '1 second'
    FROM held WHERE (t.account_id, t.connection_id, t.lead_id) = (held.account_id, held.connection_id, held.lead_id)
    RETURNING t.lead_id, t.claim"""

# Enact results. The claim fences: a row that another worker has taken since is left to it. Null leaves a column alone.
# A version that was wanted when the row was claimed, and that the lead did not have then, is one that there never was
# (a lead's event follows its commit): wanted any longer, it would keep the row due for ever, and real ones unheard.
SETTLE = """
    WITH result AS MATERIALIZED (
        SELECT $1::bigint AS account_id, $2::bigint AS connection_id, r.*
        FROM unnest($3::bigint[], $4::uuid[], $5::text[], $6::int[], $7::float8[], $8::int[], $9::text[],
                    $10::jsonb[], $11::bool[], $12::bool[], $13::jsonb[], $14::int[])
            AS r (lead_id, claim, state, attempts, delay, version, external_id, base, create_settled, write_settled,
                  error, wanted)
    ), held AS MATERIALIZED (
        SELECT r.* FROM result r JOIN sync.target t USING (account_id, connection_id, lead_id, claim)
        ORDER BY lead_id FOR UPDATE OF t
    )
    UPDATE sync.target t SET
        state = CASE WHEN r.state = 'in_sync' AND t.desired_version > greatest(r.version, r.wanted) THEN 'due'
                     ELSE r.state END,
        desired_version = CASE WHEN t.desired_version = r.wanted THEN least(r.wanted, r.version)
                               ELSE t.desired_version END,
        attempts = r.attempts,
        next_attempt_at = now() + r.delay * interval '1 second',
        pushed_version = coalesce(r.version, t.pushed_version),
        pushed_at = CASE WHEN r.base IS NULL OR r.state = 'gone' THEN t.pushed_at ELSE now() END,
        base = coalesce(r.base, t.base),
        external_id = CASE WHEN r.state <> 'gone' THEN coalesce(r.external_id, t.external_id) END,
        intent = CASE WHEN r.create_settled THEN NULL ELSE coalesce(t.intent, now()) END,
        sending = CASE WHEN NOT r.write_settled THEN t.sending END,
        last_error = CASE WHEN r.state = 'in_sync' THEN NULL ELSE coalesce(r.error, t.last_error) END,
        claim = NULL,
        claimed_until = NULL
    FROM held r
    WHERE (t.account_id, t.connection_id, t.lead_id) = (r.account_id, r.connection_id, r.lead_id)
    RETURNING t.lead_id, r.claim, t.state"""

# The day's totals, kept in the transaction that settles.
COUNT = """
    INSERT INTO sync.daily AS d (account_id, connection_id, day, pushed, failed, lag_ms, last_sync_at)
    VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date, $3, $4, $5, CASE WHEN $3::bigint > 0 THEN now() END)
    ON CONFLICT (account_id, connection_id, day) DO UPDATE SET
        pushed = d.pushed + EXCLUDED.pushed,
        failed = d.failed + EXCLUDED.failed,
        lag_ms = d.lag_ms + EXCLUDED.lag_ms,
        last_sync_at = coalesce(EXCLUDED.last_sync_at, d.last_sync_at)"""

# Connections that have something to do now, one probe of the due index for each; and how those stand that are being
# worked (their ids are the parameter), for they may have been paused or given another key.
STANDINGS = """
    SELECT c.account_id, c.id, c.status, c.updated_at, work.waits IS NOT NULL AS has_work
    FROM control.connection c
    LEFT JOIN LATERAL (
        SELECT true AS waits FROM sync.target t
        WHERE t.account_id = c.account_id AND t.connection_id = c.id
          AND t.state = 'due' AND t.next_attempt_at <= now() LIMIT 1
    ) work ON c.status = 'connected'
    WHERE c.id = ANY($1::bigint[]) OR work.waits"""

CONNECTION = """
    SELECT account_id, id, crm_type, status, config, auth_type, credentials, grant_version, updated_at
    FROM control.connection WHERE account_id = $1 AND id = $2"""

# The CRM refuses the key: nothing more is sent until somebody gives a new one. The work stays due.
NEEDS_REAUTH = """
    UPDATE control.connection SET status = 'needs_reauth', status_reason = $4, updated_at = now()
    WHERE account_id = $1 AND id = $2 AND status = 'connected' AND updated_at = $3"""

# A CRM's record is gone. Unless the lead has another one there by now, it is not made anew.
LET_GO = """
    WITH gone AS MATERIALIZED (
        SELECT t.account_id, t.connection_id, t.lead_id
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
            AS u (account_id, connection_id, lead_id, record)
        JOIN sync.target t USING (account_id, connection_id, lead_id)
        WHERE coalesce(t.external_id, u.record) = u.record
          AND NOT EXISTS (SELECT FROM leads.link l WHERE l.account_id = t.account_id AND l.lead_id = t.lead_id
                          AND l.owner = 'crm/' || t.connection_id)
        ORDER BY 1, 2, 3 FOR UPDATE OF t
    )
    UPDATE sync.target t SET state = 'gone', external_id = NULL, base = '{}', sending = NULL, intent = NULL,
        claim = NULL, claimed_until = NULL, last_error = NULL
    FROM gone
    WHERE (t.account_id, t.connection_id, t.lead_id) = (gone.account_id, gone.connection_id, gone.lead_id)"""
