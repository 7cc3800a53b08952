"""Every SQL statement of the transformer. Each works on a whole batch.

Look-ups take their arrays as text (``$1::text::bigint[]``, see ``hub.store.arrays``).
"""

# Batches that are decided on read this first, without a lock ...
TURNS_SEEN = "SELECT account_id, recent FROM leads.turn WHERE account_id = ANY($1::bigint[])"

# ... and take the turn before they write: from here to the commit, no other batch writes leads of these accounts.
# Accounts come sorted, so that two batches never wait for each other.
TAKE_TURN = """
    INSERT INTO leads.turn AS t (account_id, recent)
    SELECT account_id, ARRAY[$2::bigint] FROM unnest($1::bigint[]) account_id
    ON CONFLICT (account_id) DO UPDATE SET recent = (t.recent || $2::bigint)[greatest(1, cardinality(t.recent) - 30):]
    RETURNING account_id, recent"""

# A large batch gives its turn back before its commit is on disk, so that the next one can write; nothing is
# acknowledged or published before the barrier, a commit of its own that waits for all that were before it.
COMMIT_WITHOUT_WAITING = "SELECT set_config('synchronous_commit', 'off', true)"
BARRIER = "SELECT pg_logical_emit_message(true, 'hub.transformer', '')"

# Events that were handled before. The insert at the end is what guards; this only saves the work.
HANDLED = """
    SELECT account_id, inbox.event_id::text
    FROM unnest($1::text::bigint[], $2::text::uuid[]) q (account_id, event_id)
    JOIN leads.inbox USING (account_id, event_id)"""

# Who a batch may be about: the links of its records, with what each source held last.
LINKS = """
    SELECT l.account_id, l.owner, l.external_id, l.lead_id, l.base, extract(epoch FROM l.seen_at)::float8 AS seen_at
    FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[]) q (account_id, owner, external_id)
    JOIN leads.link l USING (account_id, owner, external_id)"""

# The same from the pushing side: records that sync-worker wrote, or is writing (base, sending). Two joins, because for
# one with OR the planner reads all of the connection's targets once for each record asked for.
TARGETS = """
    WITH q AS (
        SELECT * FROM unnest($1::text::bigint[], $2::text::text[], $3::text::text[], $4::text::bigint[],
                             $5::text::bigint[])
                      q (account_id, owner, external_id, connection_id, lead_id)),
    found AS (
        SELECT q.account_id, q.owner, q.external_id, t.lead_id, t.base, t.sending, t.pushed_at
        FROM q JOIN sync.target t USING (account_id, connection_id, external_id)
        UNION ALL
        SELECT q.account_id, q.owner, q.external_id, t.lead_id, t.base, t.sending, t.pushed_at
        FROM q JOIN sync.target t USING (account_id, connection_id, lead_id)
        WHERE (t.external_id = q.external_id) IS NOT TRUE)
    SELECT account_id, owner, external_id, lead_id, base, sending,
           coalesce(extract(epoch FROM pushed_at)::float8, 0) AS pushed_at
    FROM found"""

# Records of CRMs that are connected: who else holds a lead.
HOLDERS = """
    SELECT l.account_id, l.lead_id, l.owner, l.external_id
    FROM unnest($1::text::bigint[], $2::text::bigint[]) q (account_id, lead_id)
    JOIN leads.link l USING (account_id, lead_id)
    JOIN control.connection c ON c.account_id = l.account_id AND l.owner = 'crm/' || c.id
        AND c.status <> 'disconnected'"""

DROP_LINKS = """
    DELETE FROM leads.link l USING unnest($1::bigint[], $2::text[], $3::text[]) q (account_id, owner, external_id)
    WHERE (l.account_id, l.owner, l.external_id) = (q.account_id, q.owner, q.external_id)"""

# What leads were not long ago, for telling a late echo of our own writes from an edit.
FORMER = """
    SELECT q.account_id, q.lead_id, h.changes
    FROM unnest($1::text::bigint[], $2::text::bigint[]) q (account_id, lead_id)
    CROSS JOIN LATERAL (SELECT changes FROM leads.history
                        WHERE account_id = q.account_id AND lead_id = q.lead_id ORDER BY version DESC LIMIT 50) h"""

BY_EMAIL = """
    SELECT l.account_id, l.email AS key, l.id
    FROM unnest($1::text::bigint[], $2::text::text[]) q (account_id, email)
    JOIN leads.lead l ON l.account_id = q.account_id AND l.email = q.email
    ORDER BY l.id"""

# A switchboard's number may be on thousands of leads; ten candidates are enough to choose from.
BY_PHONE = """
    SELECT q.account_id, q.phone AS key, l.id
    FROM unnest($1::text::bigint[], $2::text::text[]) q (account_id, phone)
    CROSS JOIN LATERAL (SELECT id FROM leads.lead WHERE account_id = q.account_id AND phone = q.phone
                        ORDER BY id LIMIT 10) l"""

LOAD_LEADS = """
    SELECT l.account_id, l.id, l.version, l.fields, l.clocks, l.created_at, l.updated_at
    FROM leads.lead l
    WHERE (l.account_id, l.id) IN (SELECT * FROM unnest($1::text::bigint[], $2::text::bigint[]))"""

UPDATE_LEADS = """
    UPDATE leads.lead l
    SET version = q.version, fields = q.fields, clocks = q.clocks, email = q.email, phone = q.phone,
        status = q.status, updated_at = q.updated_at
    FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::jsonb[], $5::json[], $6::text[], $7::text[], $8::text[],
                $9::timestamptz[], $10::timestamptz[])
         q (account_id, id, version, fields, clocks, email, phone, status, created_at, updated_at)
    WHERE l.account_id = q.account_id AND l.id = q.id"""

UPSERT_LINKS = """
    INSERT INTO leads.link (account_id, owner, external_id, lead_id, base, seen_at)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::json[], $6::timestamptz[])
    ON CONFLICT (account_id, owner, external_id) DO UPDATE SET base = excluded.base, seen_at = excluded.seen_at"""

INSERT_ENROLLMENTS = """
    INSERT INTO leads.enrollment
        (account_id, id, lead_id, plan, effective_date, premium, details, created_by, created_at)
    SELECT *, $9::timestamptz
    FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::float8[], $7::jsonb[], $8::text[])
    ON CONFLICT DO NOTHING"""

ADD_PROGRESS = """
    INSERT INTO leads.import_progress AS p (account_id, import_id, created, updated, unchanged, rejected)
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    ON CONFLICT (account_id, import_id) DO UPDATE
    SET created = p.created + excluded.created, updated = p.updated + excluded.updated,
        unchanged = p.unchanged + excluded.unchanged, rejected = p.rejected + excluded.rejected, updated_at = now()"""

NEXT_LEAD_IDS = "SELECT nextval('leads.lead_id')"

ACCOUNTS = "SELECT id, default_region FROM control.account WHERE id = ANY($1::bigint[])"
CONNECTIONS = """
    SELECT account_id, id, crm_type, config, updated_at FROM control.connection
    WHERE (account_id, id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))"""

FORGET_HANDLED = """
    DELETE FROM leads.inbox WHERE (account_id, event_id) IN
        (SELECT account_id, event_id FROM leads.inbox WHERE handled_at < now() - $1::interval LIMIT 5000)"""

# What the transformer had to say about imports that began before a moment: the ids up to then ($1).
FORGET_IMPORTS = tuple(
    f"""
    DELETE FROM leads.{table} WHERE ctid = ANY(ARRAY(
        SELECT old.ctid FROM control.account a JOIN leads.{table} old ON old.account_id = a.id AND old.import_id < $1
        LIMIT 5000))"""  # noqa: S608 - names are from the tuple below
    for table in ("import_issue", "import_progress")
)
