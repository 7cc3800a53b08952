"""The webhook dispatcher's SQL. Rows are written in key order, so that copies of the service never deadlock."""

# Who may hear of a batch's events: the active subscriptions of its accounts.
SUBSCRIBERS = """
SELECT account_id, id, events FROM webhooks.subscription WHERE account_id = ANY($1::bigint[]) AND status = 'active'"""

# Accounts in which anybody subscribes to anything.
SUBSCRIBED = """
SELECT DISTINCT account_id FROM webhooks.subscription WHERE account_id = ANY($1::bigint[]) AND status = 'active'"""

# A batch's bodies, once each, and a delivery for each subscriber. An event that was heard before meets both keys; its
# body is young again then, so that it is kept as long as the newest delivery of it.
SCHEDULE = """
WITH body AS (
    INSERT INTO webhooks.payload (account_id, event_id, event, body, traceparent)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::bytea[], $5::text[]) AS p (account_id, event_id)
    ORDER BY account_id, event_id
    ON CONFLICT (account_id, event_id) DO UPDATE SET created_at = now()
)
INSERT INTO webhooks.delivery (account_id, subscription_id, event_id)
SELECT * FROM unnest($6::bigint[], $7::bigint[], $8::uuid[]) AS d (account_id, subscription_id, event_id)
ORDER BY account_id, subscription_id, event_id
ON CONFLICT DO NOTHING"""

# Take due deliveries, spread over the subscriptions that have some. Its price depends on how many subscriptions wait
# and how many rows are taken, not on how many rows wait.
#   waiting   each subscription with due rows, found by one index probe each (a "loose index scan")
#   share     what each may take: its own allowance ($1, $2; $3 for those not named), at most its part of the $4 in all
#   taken     its oldest due rows; rows that another process holds are stepped over
# Rows are updated by their address: the planner cannot know that few are taken, and a join would read the whole table.
CLAIM = """
WITH RECURSIVE waiting AS (
    (SELECT account_id, subscription_id FROM webhooks.delivery WHERE state = 'due'
     ORDER BY account_id, subscription_id LIMIT 1)
    UNION ALL
    SELECT following.account_id, following.subscription_id
    FROM waiting CROSS JOIN LATERAL (
        SELECT account_id, subscription_id FROM webhooks.delivery AS d
        WHERE state = 'due' AND (d.account_id, d.subscription_id) > (waiting.account_id, waiting.subscription_id)
        ORDER BY account_id, subscription_id LIMIT 1
    ) AS following
), share AS (
    SELECT s.account_id, s.id, least(coalesce(known.allowance, $3), greatest($4 / count(*) OVER (), 1)) AS most
    FROM waiting
    JOIN webhooks.subscription AS s ON s.account_id = waiting.account_id AND s.id = waiting.subscription_id
    LEFT JOIN unnest($1::bigint[], $2::int[]) AS known (id, allowance) ON known.id = s.id
    WHERE s.status = 'active' AND coalesce(known.allowance, $3) > 0
    ORDER BY random() LIMIT $4
), taken AS (
    SELECT d.address
    FROM share CROSS JOIN LATERAL (
        SELECT ctid AS address FROM webhooks.delivery AS d
        WHERE d.account_id = share.account_id AND d.subscription_id = share.id AND d.state = 'due'
          AND d.next_attempt_at <= now() AND (d.claimed_until IS NULL OR d.claimed_until < now())
        ORDER BY d.next_attempt_at LIMIT share.most FOR UPDATE SKIP LOCKED
    ) AS d
)
UPDATE webhooks.delivery SET claim = $5, claimed_until = now() + $6
WHERE ctid = ANY(ARRAY(SELECT address FROM taken))
RETURNING account_id, subscription_id, event_id, step"""

# What is needed to send claimed deliveries: where to, signed with what, and the bytes.
LETTERS = """
SELECT s.account_id, s.id AS subscription_id, p.event_id::text, d.step, s.webhook_url, s.secret, p.event, p.body,
       p.traceparent
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::int[]) AS d (account_id, subscription_id, event_id, step)
JOIN webhooks.subscription AS s ON s.account_id = d.account_id AND s.id = d.subscription_id
JOIN webhooks.payload AS p ON p.account_id = d.account_id AND p.event_id = d.event_id"""

# Write results down: the deliveries' new states, a line each in the delivery log, and endpoints that are gone. A result
# whose claim has passed to another process meanwhile changes nothing; that process's own result counts.
SETTLE = """
WITH result AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::interval[], $7::int[],
                         $8::int[], $9::text[], $10::float8[], $11::bool[])
        AS r (account_id, subscription_id, event_id, claim, state, wait, step, status, error, duration_ms, gone)
), settled AS (
    UPDATE webhooks.delivery AS d
    SET state = r.state, attempts = d.attempts + 1, step = r.step, next_attempt_at = now() + r.wait,
        claim = NULL, claimed_until = NULL, last_status = r.status, last_error = r.error,
        delivered_at = CASE WHEN r.state = 'delivered' THEN now() END
    FROM result AS r
    WHERE d.account_id = r.account_id AND d.subscription_id = r.subscription_id AND d.event_id = r.event_id
      AND d.claim = r.claim
    RETURNING d.account_id, d.subscription_id, d.event_id, d.attempts, r.status, r.error, r.duration_ms, r.gone
), pause AS (
    UPDATE webhooks.subscription AS s SET status = 'paused', paused_reason = 'the endpoint answered 410 Gone'
    WHERE (s.account_id, s.id) IN (SELECT account_id, subscription_id FROM settled WHERE gone) AND s.status = 'active'
), logged AS (
    INSERT INTO webhooks.attempt (account_id, subscription_id, event_id, number, at, status, error, duration_ms)
    SELECT account_id, subscription_id, event_id, attempts, now(), status, error, duration_ms FROM settled
)
SELECT count(*) FROM settled"""

# Give claimed deliveries back untried, for other processes to take at once.
RELEASE = """
UPDATE webhooks.delivery AS d SET claim = NULL, claimed_until = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[]) AS r (account_id, subscription_id, event_id, claim)
WHERE d.account_id = r.account_id AND d.subscription_id = r.subscription_id AND d.event_id = r.event_id
  AND d.claim = r.claim"""

# Forget what is older than $1, a bounded number of rows a time; block ranges that hold nothing so old are not read.
PURGE = tuple(
    f"DELETE FROM webhooks.{table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - names are from the table below
    f"SELECT ctid FROM webhooks.{table} WHERE {age} < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED))"
    for table, age in (("attempt", "at"), ("delivery", "created_at"), ("payload", "created_at"))
)
