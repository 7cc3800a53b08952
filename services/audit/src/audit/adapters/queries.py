"""The audit service's SQL. The table itself counts what comes into it (trigger ``counted``)."""

# One batch, one statement: what is new goes into the trail; returns how many.
# A repeated event meets the primary key and is ignored. Rows are written in key order, so that two copies of the
# service which hold overlapping batches wait for each other and never deadlock.
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
    RETURNING event_id
)
SELECT count(*) FROM recorded"""
