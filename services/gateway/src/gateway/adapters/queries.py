"""Every SQL statement of the gateway. Those on tenants' tables run in a transaction that ``ACT_FOR`` began."""

ACT_FOR = "SELECT set_config('hub.account_id', $1, true), set_config('statement_timeout', $2, true)"

# ------------------------------------------------------------------------------------------- keys, connections
API_KEY = """
    SELECT id, account_id, name, secret_hash, scopes, allowed_ips, rate_per_minute, expires_at, revoked_at
    FROM control.api_key WHERE id = $1"""

# What changed since the last look; a transaction that commits late has an updated_at from when it began.
CHANGED_CONNECTIONS = """
    SELECT id, account_id, crm_type, status, config, tenant, webhook_secret, webhook_mode, updated_at
    FROM control.connection WHERE updated_at >= $1"""

CONNECTIONS = """
    SELECT c.id, c.crm_type, c.name, c.status, c.config, c.webhook_mode, c.webhook_secret IS NOT NULL AS webhooks,
           c.created_at, c.updated_at
    FROM control.connection c WHERE c.account_id = $1 ORDER BY c.id"""

# ------------------------------------------------------------------------------------------------------ imports
# An import under the same key is taken over when it was aborted, or when whoever read it must have died.
BEGIN_IMPORT = """
    INSERT INTO control.import AS i (account_id, id, source, format, idempotency_key, created_by)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO UPDATE
    SET id = excluded.id, source = excluded.source, format = excluded.format, state = 'receiving',
        accepted = 0, rejected = 0, created_by = excluded.created_by, created_at = now(), heartbeat_at = now(),
        received_at = NULL
    WHERE i.state = 'aborted' OR (i.state = 'receiving' AND i.heartbeat_at < now() - interval '1 minute')
    RETURNING id"""

IMPORT_BY_KEY = """
    SELECT id, source, state, accepted, rejected FROM control.import WHERE account_id = $1 AND idempotency_key = $2"""

HEARTBEAT = """
    UPDATE control.import SET accepted = $3, rejected = $4, heartbeat_at = now() WHERE account_id = $1 AND id = $2"""

END_IMPORT = """
    UPDATE control.import SET state = $3, accepted = $4, rejected = $5, received_at = now()
    WHERE account_id = $1 AND id = $2"""

ADD_REJECTIONS = """
    INSERT INTO control.import_rejection (account_id, import_id, position, code, field, message, external_id)
    SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
    ON CONFLICT DO NOTHING"""

_IMPORTS = """
    SELECT i.id, i.source, i.format, i.accepted, i.rejected, i.created_by, i.created_at, i.received_at,
           CASE WHEN i.state = 'receiving' AND i.heartbeat_at < now() - interval '1 minute' THEN 'aborted'
                ELSE i.state END AS state,
           coalesce(p.created, 0) AS created, coalesce(p.updated, 0) AS updated,
           coalesce(p.unchanged, 0) AS unchanged, coalesce(p.rejected, 0) AS refused, p.updated_at
    FROM control.import i LEFT JOIN leads.import_progress p ON p.account_id = i.account_id AND p.import_id = i.id
    WHERE i.account_id = $1"""
IMPORT = f"{_IMPORTS} AND i.id = $2"
RECENT_IMPORTS = f"{_IMPORTS} ORDER BY i.id DESC LIMIT $2"

# What the gateway refused while reading, and what the transformer refused or doubted; one list by position.
IMPORT_ISSUES = """
    SELECT * FROM (
        SELECT position, ''::text AS part, severity, code, field, message, external_id FROM (
            SELECT position, 'rejected' AS severity, code, field, message, external_id
            FROM control.import_rejection
            WHERE account_id = $1 AND import_id = $2 AND position > $4 AND $3 = 'rejected'
            ORDER BY position LIMIT $6) refused
        UNION ALL
        SELECT position, event_id::text || field, severity, code, nullif(field, ''), message, external_id
        FROM leads.import_issue
        WHERE account_id = $1 AND import_id = $2 AND severity = $3
            AND (position, event_id::text || field) > ($4, $5)) issues
    ORDER BY position, part LIMIT $6"""

# Forget imports that began before a moment: those with ids up to then ($2), a bounded number of rows a time. Refusals
# first: when it ends halfway, the import is still there to lead the next run to the rest.
ACCOUNTS = "SELECT id FROM control.account ORDER BY id"
FORGET_IMPORTS = (
    """DELETE FROM control.import_rejection WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM control.import_rejection WHERE account_id = $1 AND import_id < $2 LIMIT 5000))""",
    """DELETE FROM control.import WHERE ctid = ANY(ARRAY(
           SELECT ctid FROM control.import WHERE account_id = $1 AND id < $2 LIMIT 5000))""",
)

# -------------------------------------------------------------------------------------------------------- leads
LEAD = """
    SELECT id, version, fields, created_at, updated_at FROM leads.lead WHERE account_id = $1 AND id = $2"""

REGION = "SELECT default_region FROM control.account WHERE id = $1"

LEAD_EXISTS = "SELECT true FROM leads.lead WHERE account_id = $1 AND id = $2"

LEAD_LINKS = """
    SELECT owner, external_id, seen_at FROM leads.link WHERE account_id = $1 AND lead_id = $2
    ORDER BY owner, external_id LIMIT 500"""

LEAD_TARGETS = """
    SELECT t.connection_id, c.crm_type, c.name, t.external_id, t.state, t.pushed_version, t.desired_version,
           t.pushed_at, t.last_error
    FROM sync.target t JOIN control.connection c ON c.account_id = t.account_id AND c.id = t.connection_id
    WHERE t.account_id = $1 AND t.lead_id = $2 ORDER BY t.connection_id"""

HISTORY = """
    SELECT version, at, event_id::text AS event_id, source, actor,
           CASE WHEN first IS NULL
               THEN (SELECT coalesce(jsonb_agg(jsonb_build_object('field', key, 'from', value -> 0, 'to', value -> 1,
                                                                  'rule', value -> 2)), '[]') FROM json_each(changes))
               ELSE (SELECT jsonb_agg(jsonb_build_object('field', key, 'from', NULL, 'to', value, 'rule', 'created'))
                     FROM json_each(first))
           END AS changes
    FROM leads.history, LATERAL (SELECT changes -> '*' AS first) all_of_it  -- stored forms: hub.leads.merge.Changes
    WHERE account_id = $1 AND lead_id = $2 AND version < $3 ORDER BY version DESC LIMIT $4"""

# What happened to the leads of one page of an export: their versions and enrolments, newest 20 each.
ACTIVITIES = """
    SELECT lead_id, type, at, actor, details FROM unnest($2::bigint[]) page (lead_id)
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT CASE version WHEN 1 THEN 'lead.created' ELSE 'lead.updated' END AS type, at, actor,
                   (SELECT jsonb_agg(field) FROM json_object_keys(coalesce(changes -> '*', changes)) field)
                       AS details
            FROM leads.history h WHERE h.account_id = $1 AND h.lead_id = page.lead_id
            ORDER BY version DESC LIMIT 20) versions
        UNION ALL
        SELECT 'enrollment.completed', created_at, created_by, jsonb_build_object('plan', plan)
        FROM leads.enrollment e WHERE e.account_id = $1 AND e.lead_id = page.lead_id) activity
    ORDER BY lead_id, at"""

OUTCOME = "SELECT outcome, lead_id, handled_at FROM leads.inbox WHERE account_id = $1 AND event_id = $2"

# Why the transformer refused an event: the audit entry that it caused, within the ten minutes after it.
REFUSAL = """
    SELECT details FROM audit.entry
    WHERE account_id = $1 AND causation_id = $2 AND event = 'lead.rejected' AND event_id >= $3 AND event_id < $4
    LIMIT 1"""

# -------------------------------------------------------------------------------------------------------- status
SYNC_STATUS = """
    SELECT c.id, c.name, c.crm_type, c.status, due.pending, failed.errors,
           greatest(daily.last_push, c.heard_at, pulled.at) AS last_sync
    FROM control.connection c
    CROSS JOIN LATERAL (SELECT count(*) AS pending FROM sync.target t
                        WHERE t.account_id = $1 AND t.connection_id = c.id AND t.state = 'due') due
    CROSS JOIN LATERAL (SELECT count(*) AS errors FROM sync.target t
                        WHERE t.account_id = $1 AND t.connection_id = c.id AND t.state = 'failed') failed
    CROSS JOIN LATERAL (SELECT max(last_sync_at) AS last_push FROM sync.daily d
                        WHERE d.account_id = $1 AND d.connection_id = c.id) daily
    CROSS JOIN LATERAL (SELECT max(greatest(page_at, finished_at)) AS at FROM (
                            SELECT page_at, finished_at FROM sync.run r
                            WHERE r.account_id = $1 AND r.connection_id = c.id AND r.page_at IS NOT NULL
                            ORDER BY r.created_at DESC LIMIT 5) recent) pulled
    WHERE c.account_id = $1 AND c.status <> 'disconnected' ORDER BY c.id"""

# Kept totals, so that the panel costs the same whatever the account holds.
TODAY = """
    SELECT coalesce(sum(entries) FILTER (WHERE event = 'lead.created'), 0)::bigint AS total,
           coalesce(sum(entries) FILTER (WHERE event = 'lead.created' AND day = $2), 0)::bigint AS imported,
           coalesce(sum(entries) FILTER (WHERE event = 'lead.updated' AND day = $2), 0)::bigint AS updated,
           coalesce(sum(entries) FILTER (WHERE event IN ('lead.sync_failed', 'lead.rejected') AND day = $2), 0)::bigint
               AS errors
    FROM audit.daily WHERE account_id = $1"""

PERFORMANCE = """
    SELECT coalesce(sum(pushed), 0)::bigint AS pushed, coalesce(sum(failed), 0)::bigint AS failed,
           coalesce(sum(lag_ms), 0)::float8 AS lag_ms
    FROM sync.daily WHERE account_id = $1 AND day > $2"""

# --------------------------------------------------------------------------------------------------------- audit
AUDIT_SINCE = """
    SELECT event_id::text AS event_id, event, at, actor, crm, action, fields_changed, ip_address, subject, causation_id,
           details
    FROM audit.entry WHERE account_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3"""

AUDIT_LAST = """
    SELECT event_id::text AS event_id, event, at, actor, crm, action, fields_changed, ip_address, subject, causation_id,
           details
    FROM audit.entry WHERE account_id = $1 ORDER BY event_id DESC LIMIT $2"""

# ------------------------------------------------------------------------------------------------- subscriptions
# The row's id is part of what the secret is sealed for, so the row comes first, within one transaction.
ADD_SUBSCRIPTION = """
    INSERT INTO webhooks.subscription (account_id, webhook_url, events, secret) VALUES ($1, $2, $3, '')
    RETURNING id, created_at"""
SEAL_SUBSCRIPTION = "UPDATE webhooks.subscription SET secret = $3 WHERE account_id = $1 AND id = $2"

COUNT_SUBSCRIPTIONS = "SELECT count(*) FROM webhooks.subscription WHERE account_id = $1 AND status <> 'deleted'"

SUBSCRIPTIONS = """
    SELECT id, webhook_url, events, status, paused_reason, created_at FROM webhooks.subscription
    WHERE account_id = $1 AND status <> 'deleted' ORDER BY id"""

DELETE_SUBSCRIPTION = """
    UPDATE webhooks.subscription SET status = 'deleted' WHERE account_id = $1 AND id = $2 AND status <> 'deleted'
    RETURNING id"""

SUBSCRIPTION_EXISTS = """
    SELECT true FROM webhooks.subscription WHERE account_id = $1 AND id = $2 AND status <> 'deleted'"""

DELIVERIES = """
    SELECT d.event_id::text AS event_id, p.event, d.state, d.attempts, d.next_attempt_at, d.created_at, d.delivered_at,
           d.last_status, d.last_error,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('number', a.number, 'at', a.at, 'status', a.status,
                            'error', a.error, 'duration_ms', a.duration_ms) ORDER BY a.number), '[]')
            FROM webhooks.attempt a WHERE a.account_id = d.account_id AND a.subscription_id = d.subscription_id
                AND a.event_id = d.event_id) AS attempt_log
    FROM webhooks.delivery d LEFT JOIN webhooks.payload p ON p.account_id = d.account_id AND p.event_id = d.event_id
    WHERE d.account_id = $1 AND d.subscription_id = $2 AND ($3::uuid IS NULL OR d.event_id < $3)
        AND ($4::text IS NULL OR d.state = $4)
    ORDER BY d.event_id DESC LIMIT $5"""
