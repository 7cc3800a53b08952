"""Every statement of the embedded bus. Tables: ``0002_embedded_bus.sql``."""

# Declare queues and bindings; what is there stays. ($1 names, $2 limits) / ($1 event types, $2 queues)
DECLARE_QUEUES = """
INSERT INTO bus.queue (name, delivery_limit) SELECT * FROM unnest($1::text[], $2::int[]) ORDER BY 1
ON CONFLICT (name) DO UPDATE SET delivery_limit = excluded.delivery_limit
WHERE bus.queue.delivery_limit <> excluded.delivery_limit
"""
DECLARE_BINDINGS = """
INSERT INTO bus.binding (event_type, queue) SELECT * FROM unnest($1::text[], $2::text[]) ORDER BY 1, 2
ON CONFLICT DO NOTHING
"""

# One message to every queue bound to its type; returns those queues. ($1 event type, $2 body)
PUBLISH = """
WITH bound AS (SELECT queue FROM bus.binding WHERE event_type = $1),
     stored AS (INSERT INTO bus.body (body) SELECT $2::bytea WHERE EXISTS (SELECT FROM bound) RETURNING id)
INSERT INTO bus.message (queue, body_id) SELECT bound.queue, stored.id FROM bound, stored RETURNING queue
"""

# Messages as part of somebody's transaction; returns how many of them some queue hears.
# Sorted by number, so that messages wait in the order in which they were given. ($1 event types, $2 bodies)
PUBLISH_WITHIN = """
WITH given AS MATERIALIZED (
    SELECT nextval('bus.body_id') AS id, event_type, body
    FROM unnest($1::text[], $2::bytea[]) AS message (event_type, body)
), bound AS (SELECT given.id, queue FROM given JOIN bus.binding USING (event_type)),
   stored AS (INSERT INTO bus.body (id, body) SELECT id, body FROM given),
   sent AS (INSERT INTO bus.message (queue, body_id) SELECT queue, id FROM bound ORDER BY id)
SELECT count(DISTINCT id) FROM bound
"""

# Wake the consumers of queues that hear event types. ($1 event types)
ANNOUNCE = "SELECT pg_notify(queue, '') FROM bus.binding WHERE event_type = ANY($1::text[]) GROUP BY queue"

# Wake the consumers of queues. A transaction of its own: notifying commits take turns, and must not wait for a disk.
NOTIFY = "SELECT pg_notify(queue, '') FROM unnest($1::text[]) AS queue"

# Take the oldest waiting messages in hand. ($1 queue, $2 consumer, $3 how many)
CLAIM = """
WITH next AS (
    SELECT id FROM bus.message WHERE queue = $1 AND consumer IS NULL ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE bus.message AS message SET consumer = $2, deliveries = deliveries + 1
    FROM next WHERE message.queue = $1 AND message.id = next.id
    RETURNING message.id, message.body_id, message.attempt, message.deliveries
)
SELECT taken.id, taken.attempt, taken.deliveries, body.body
FROM taken JOIN bus.body AS body ON body.id = taken.body_id ORDER BY taken.id
"""

# Acknowledge: the messages go, and each body that no other queue needs. Only what this consumer still has in hand.
# Two queues that acknowledge the same body at the same moment both leave it; SWEEP takes it later.
# ($1 queue, $2 consumer, $3 message ids)
ACKNOWLEDGE = """
WITH gone AS (
    DELETE FROM bus.message WHERE queue = $1 AND consumer = $2 AND id = ANY($3::bigint[]) RETURNING id, body_id
), freed AS (
    DELETE FROM bus.body AS body USING gone WHERE body.id = gone.body_id
    AND NOT EXISTS (SELECT FROM bus.message AS other WHERE other.body_id = body.id AND other.queue <> $1)
)
SELECT id FROM gone
"""

# Put events back as messages of their own. ($1 queue, $2 bodies, $3 attempts)
AGAIN = """
WITH numbered AS MATERIALIZED (
    SELECT nextval('bus.body_id') AS id, body, attempt FROM unnest($2::bytea[], $3::int[]) AS letter (body, attempt)
), stored AS (INSERT INTO bus.body (id, body) SELECT id, body FROM numbered)
INSERT INTO bus.message (queue, body_id, attempt) SELECT $1, id, attempt FROM numbered
"""

# Keep what died. An event that dies a second time is one dead letter.
# ($1 queue, $2 ids, $3 reasons, $4 attempts, $5 bodies)
BURY = """
INSERT INTO bus.dead_letter (queue, id, reason, attempt, body)
SELECT DISTINCT ON (id) $1, id, reason, attempt, body
FROM unnest($2::text[], $3::text[], $4::int[], $5::bytea[]) AS letter (id, reason, attempt, body)
ON CONFLICT (queue, id) DO UPDATE
SET reason = excluded.reason, attempt = excluded.attempt, body = excluded.body, died_at = excluded.died_at
"""

# Give messages back untried: their delivery does not count. ($1 queue, $2 consumer, $3 message ids)
GIVE_BACK = """
UPDATE bus.message SET consumer = NULL, deliveries = deliveries - 1
WHERE queue = $1 AND consumer = $2 AND id = ANY($3::bigint[])
"""

# A living consumer holds the advisory lock (7316002, its number) for as long as its session lasts.
NEW_CONSUMER = "SELECT nextval('bus.consumer_id')::int"
LOCK = "SELECT pg_advisory_lock(7316002, $1)"

# Register a consumer that holds its lock, and let go of what it has in hand by the table but not by its own knowledge
# (a claim whose answer was lost with the connection).
# ($1 consumer, $2 queue, $3 name) / ($1 queue, $2 consumer, $3 ids in hand)
REGISTER = "INSERT INTO bus.consumer (id, queue, name) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING"
RELEASE_OTHERS = """
UPDATE bus.message SET consumer = NULL WHERE queue = $1 AND consumer = $2 AND id <> ALL($3::bigint[])
"""
UNREGISTER = "DELETE FROM bus.consumer WHERE id = $1"

# Consumers of a queue that died: their sessions, and so their locks, are gone. ($1 queue)
DEAD_CONSUMERS = """
SELECT id FROM bus.consumer WHERE queue = $1 AND NOT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7316002 AND objid = consumer.id::bigint::oid
    AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""

# What dead consumers had in hand waits again. ($1 queue, $2 consumers)
FREE = """
WITH buried AS (DELETE FROM bus.consumer WHERE id = ANY($2::int[]))
UPDATE bus.message SET consumer = NULL WHERE queue = $1 AND consumer = ANY($2::int[])
"""

# Bodies that no message needs any more.
SWEEP = "DELETE FROM bus.body AS body WHERE NOT EXISTS (SELECT FROM bus.message WHERE message.body_id = body.id)"

DEPTH = "SELECT count(*) FROM bus.message WHERE queue = $1 AND consumer IS NULL"
DEAD_DEPTH = "SELECT count(*) FROM bus.dead_letter WHERE queue = $1"
DEAD_LETTERS = """
SELECT id, reason, attempt, body, died_at FROM bus.dead_letter WHERE queue = $1 ORDER BY died_at, id LIMIT $2
"""

# Dead letters back into their queue as if new. ($1 queue, $2 ids or null for all)
REDRIVE = """
WITH back AS (
    DELETE FROM bus.dead_letter WHERE queue = $1 AND ($2::text[] IS NULL OR id = ANY($2)) RETURNING body
), numbered AS MATERIALIZED (SELECT nextval('bus.body_id') AS id, body FROM back),
   stored AS (INSERT INTO bus.body (id, body) SELECT id, body FROM numbered)
INSERT INTO bus.message (queue, body_id) SELECT $1, id FROM numbered RETURNING id
"""

# Dead letters deleted for good. ($1 queue, $2 ids or null for all)
DISCARD = "DELETE FROM bus.dead_letter WHERE queue = $1 AND ($2::text[] IS NULL OR id = ANY($2))"

# Whether a write would be taken now.
WRITABLE = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"
