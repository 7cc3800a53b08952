"""The audit service's SQL."""

# One batch, one statement: what is new goes into the trail, and only that is counted in the day's totals.
# A repeated event meets the primary key and is ignored. Rows and totals are written in key order, so that two copies
# of the service which hold overlapping batches wait for each other and never deadlock.
RECORD = """
WITH incoming AS (
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
                         $8::text[], $9::text[], $10::text[], $11::text[], $12::jsonb[])
        AS i (account_id, event_id, event, at, actor, crm, action, fields_changed, ip_address, subject,
              causation_id, details)
), recorded AS (
    INSERT INTO audit.entry (account_id, event_id, event, at, actor, crm, action, fields_changed, ip_address, subject,
                             causation_id, details)
    SELECT account_id, event_id, event, at, actor, crm, action, fields_changed::text[], ip_address, subject,
           causation_id, nullif(details, '{}')
    FROM incoming ORDER BY account_id, event_id
    ON CONFLICT DO NOTHING
    RETURNING account_id, (at AT TIME ZONE 'UTC')::date AS day, event
), counted AS (
    INSERT INTO audit.daily AS total (account_id, day, event, entries)
    SELECT account_id, day, event, count(*) FROM recorded GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (account_id, day, event) DO UPDATE SET entries = total.entries + excluded.entries
)
SELECT count(*) FROM recorded"""
