"""Every statement about quota and tokens."""

# A connection's windows, as its connector knows them. A limit that the vendor told counts more than what was known.
OPEN_BUDGET = """
    INSERT INTO sync.budget AS b (account_id, connection_id, name, most, seconds, fixed, since)
    SELECT $1, $2, u.* FROM unnest($3::text[], $4::bigint[], $5::float8[], $6::bool[], $7::timestamptz[])
        AS u (name, most, seconds, fixed, since) ORDER BY u.name
    ON CONFLICT (account_id, connection_id, name) DO UPDATE SET
        most = CASE WHEN b.learnt_at IS NULL THEN EXCLUDED.most ELSE b.most END,
        seconds = EXCLUDED.seconds, fixed = EXCLUDED.fixed
    WHERE (b.seconds, b.fixed) IS DISTINCT FROM (EXCLUDED.seconds, EXCLUDED.fixed)
       OR (b.learnt_at IS NULL AND b.most <> EXCLUDED.most)"""

# ``seen`` is the row's version: a change is written only over the version that it was worked out from.
READ_BUDGET = """
    SELECT name, most, seconds, fixed, used, extract(epoch FROM since)::float8 AS since,
           coalesce(extract(epoch FROM closed_until), 0)::float8 AS closed_until,
           extract(epoch FROM learnt_at)::float8 AS learnt_at,
           xmin::text AS seen, extract(epoch FROM clock_timestamp())::float8 AS clock
    FROM sync.budget WHERE account_id = $1 AND connection_id = $2 AND name = ANY($3::text[])"""

# All rows, or none when another copy was quicker with one of them.
WRITE_BUDGET = """
    WITH told AS MATERIALIZED (
        SELECT *
        FROM unnest($3::text[], $4::text[], $5::bigint[], $6::float8[], $7::float8[], $8::float8[], $9::float8[])
            AS u (name, seen, most, used, since, closed_until, learnt_at)
    ), held AS MATERIALIZED (
        SELECT b.name FROM sync.budget b JOIN told ON told.name = b.name AND told.seen = b.xmin::text
        WHERE b.account_id = $1 AND b.connection_id = $2 ORDER BY b.name FOR UPDATE OF b
    )
    UPDATE sync.budget b SET most = told.most, used = told.used, since = to_timestamp(told.since),
        closed_until = CASE WHEN told.closed_until > 0 THEN to_timestamp(told.closed_until) END,
        learnt_at = to_timestamp(told.learnt_at)
    FROM told
    WHERE b.account_id = $1 AND b.connection_id = $2 AND b.name = told.name
      AND (SELECT count(*) FROM held) = cardinality($3::text[])
    RETURNING b.name, b.xmin::text AS seen, extract(epoch FROM clock_timestamp())::float8 AS clock"""
