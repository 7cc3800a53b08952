-- Roles: what each service may do. A login user of the deployment is granted one of them and connects with it.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['hub_gateway', 'hub_transformer', 'hub_sync_worker', 'hub_webhook_dispatcher',
                                'hub_audit', 'hub_admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
        -- Workers handle batches of all tenants; with BYPASSRLS they may also COPY into the tables of tenants.
        -- Where the deployment's user may not give it, policies below let them work all the same, by INSERT.
        IF name <> 'hub_gateway' THEN
            BEGIN
                EXECUTE format('ALTER ROLE %I BYPASSRLS', name);
            EXCEPTION WHEN insufficient_privilege THEN
                RAISE NOTICE 'role % works without BYPASSRLS', name;
            END;
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', name);
    END LOOP;
END $$;

CREATE SCHEMA control;
CREATE SCHEMA leads;
CREATE SCHEMA sync;
CREATE SCHEMA webhooks;
CREATE SCHEMA audit;
CREATE SCHEMA bus;

-- The tenant that a session works for; row-level security reads it.
CREATE FUNCTION control.current_account() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('hub.account_id', true), '')::bigint $$;

------------------------------------------------------------------------------------------------ control
CREATE TABLE control.account (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name           text NOT NULL UNIQUE,
    default_region text NOT NULL DEFAULT 'US',
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- A data key per account, wrapped by a key of the ring (envelope encryption).
CREATE TABLE control.data_key (
    account_id  bigint NOT NULL REFERENCES control.account,
    id          int NOT NULL,
    ring_key_id text NOT NULL,
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);

CREATE TABLE control.api_key (
    account_id   bigint NOT NULL REFERENCES control.account,
    id           text NOT NULL,                      -- the public part of the key
    name         text NOT NULL,
    secret_hash  bytea NOT NULL,                     -- SHA-256 of the secret part (256 random bits)
    scopes       text[] NOT NULL,
    allowed_ips  cidr[] NOT NULL DEFAULT '{}',       -- empty: from anywhere
    rate_per_minute int,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (account_id, id),
    UNIQUE (id)
);

CREATE TABLE control.connection (
    account_id     bigint NOT NULL REFERENCES control.account,
    id             bigint GENERATED ALWAYS AS IDENTITY,
    crm_type       text NOT NULL,
    name           text NOT NULL,
    status         text NOT NULL DEFAULT 'connected' CHECK (status IN ('connected', 'paused', 'needs_reauth', 'disconnected')),
    config         jsonb NOT NULL,                   -- the design document's configuration; nothing secret
    credentials    bytea,                            -- vault ciphertext: API key or tokens
    webhook_secret bytea,                            -- vault ciphertext
    webhook_mode   text NOT NULL DEFAULT 'simple' CHECK (webhook_mode IN ('simple', 'timestamped')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    UNIQUE (id),
    UNIQUE (account_id, name)
);

CREATE TABLE control.import (
    account_id  bigint NOT NULL,
    id          uuid NOT NULL,
    source      text NOT NULL,
    format      text NOT NULL,
    state       text NOT NULL DEFAULT 'receiving' CHECK (state IN ('receiving', 'accepted', 'aborted')),
    accepted    bigint NOT NULL DEFAULT 0,           -- records published
    rejected    bigint NOT NULL DEFAULT 0,           -- records refused while reading
    idempotency_key text,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(), -- while it is being read: whoever reads it is alive
    received_at timestamptz,
    PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX import_idempotency ON control.import (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE control.import_rejection (
    account_id  bigint NOT NULL,
    import_id   uuid NOT NULL,
    position    bigint NOT NULL,                     -- index (JSON) or line number (files)
    code        text NOT NULL,
    field       text,
    message     text NOT NULL,
    external_id text,
    PRIMARY KEY (account_id, import_id, position)
);

-------------------------------------------------------------------------------------------------- leads
-- Documents that are only stored and read back whole are json; jsonb, which costs more to write, where SQL looks inside.
CREATE SEQUENCE leads.lead_id INCREMENT BY 500;      -- a process takes a block of 500 ids at a time

CREATE TABLE leads.lead (
    account_id bigint NOT NULL,
    id         bigint NOT NULL,
    version    int NOT NULL,
    fields     jsonb NOT NULL,                       -- register -> value
    clocks     json NOT NULL,                        -- register -> [microseconds since 1970, owner]; * for the rest
    email      text,                                 -- normalised, for matching
    phone      text,                                 -- E.164, for matching
    status     text NOT NULL DEFAULT 'new',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id)
) WITH (fillfactor = 85);                            -- room for in-place (HOT) updates
CREATE INDEX lead_email ON leads.lead (account_id, email) WHERE email IS NOT NULL;
CREATE INDEX lead_phone ON leads.lead (account_id, phone) WHERE phone IS NOT NULL;

-- Which record of which system is which lead. owner: 'import/<source>' or 'crm/<connection id>'.
CREATE TABLE leads.link (
    account_id  bigint NOT NULL,
    owner       text NOT NULL,
    external_id text NOT NULL,
    lead_id     bigint NOT NULL,
    base        json NOT NULL,                       -- register -> value last seen or sent there
    seen_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, owner, external_id)
) WITH (fillfactor = 85);
CREATE INDEX link_lead ON leads.link (account_id, lead_id);

-- One row per version of a lead: what changed, from, to, by which rule; by which event and source.
CREATE TABLE leads.history (
    account_id bigint NOT NULL,
    lead_id    bigint NOT NULL,
    version    int NOT NULL,
    at         timestamptz NOT NULL,
    event_id   uuid NOT NULL,                        -- the event that caused it
    source     text NOT NULL,                        -- owner of the winning clocks
    actor      text NOT NULL,
    changes    json NOT NULL,                        -- register -> [from, to, rule]; of a first version * -> {register: value}
    PRIMARY KEY (account_id, lead_id, version)
);

CREATE TABLE leads.enrollment (
    account_id     bigint NOT NULL,
    id             uuid NOT NULL,
    lead_id        bigint NOT NULL,
    plan           text NOT NULL,
    effective_date text,
    premium        double precision,
    details        jsonb NOT NULL,
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX enrollment_lead ON leads.enrollment (account_id, lead_id);

-- Events already handled, and what came of each: every event is accounted for.
CREATE TABLE leads.inbox (
    account_id bigint NOT NULL,
    event_id   uuid NOT NULL,
    outcome    text,                                 -- created, updated, unchanged, rejected, linked
    lead_id    bigint,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, event_id)
);

CREATE INDEX inbox_age ON leads.inbox USING brin (handled_at);  -- for forgetting what is old

-- Whose turn it is to write leads of an account: the row's lock, and the tokens of the latest writers.
CREATE TABLE leads.turn (
    account_id bigint PRIMARY KEY,
    recent     bigint[] NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE leads.import_progress (
    account_id bigint NOT NULL,
    import_id  uuid NOT NULL,
    created    bigint NOT NULL DEFAULT 0,
    updated    bigint NOT NULL DEFAULT 0,
    unchanged  bigint NOT NULL DEFAULT 0,
    rejected   bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, import_id)
);

-- What the transformer has to say about an import's records: rejected ones, and accepted ones with a doubtful field.
CREATE TABLE leads.import_issue (
    account_id  bigint NOT NULL,
    import_id   uuid NOT NULL,
    event_id    uuid NOT NULL,
    field       text NOT NULL DEFAULT '',
    position    bigint NOT NULL,
    severity    text NOT NULL CHECK (severity IN ('rejected', 'warning')),
    code        text NOT NULL,
    message     text NOT NULL,
    external_id text,
    PRIMARY KEY (account_id, import_id, event_id, field)
);

-- Encoded batches that were committed with the data and are yet to be published.
CREATE TABLE leads.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type       text NOT NULL,
    body       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE leads.outbox ALTER COLUMN body SET STORAGE EXTERNAL;

--------------------------------------------------------------------------------------------------- sync
-- One row per (lead, connection): the version that should be there, and the one that is. Level-triggered.
CREATE TABLE sync.target (
    account_id      bigint NOT NULL,
    connection_id   bigint NOT NULL,
    lead_id         bigint NOT NULL,
    desired_version int NOT NULL,
    desired_at      timestamptz NOT NULL DEFAULT now(),  -- when the oldest unpushed change was heard of
    pushed_version  int NOT NULL DEFAULT 0,
    pushed_at       timestamptz,
    external_id     text,                            -- the record's id in the CRM, once known
    base            jsonb NOT NULL DEFAULT '{}',     -- registers last sent and confirmed
    sending         jsonb,                           -- registers written ahead of a call: an echo of them is no change
    state           text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'in_sync', 'failed')),
    intent          timestamptz,                     -- a create was begun and its answer is not known: look before retrying
    attempts        int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    claimed_until   timestamptz,
    claim           uuid,                            -- fences a worker whose claim ran out
    last_error      jsonb,
    PRIMARY KEY (account_id, connection_id, lead_id)
) WITH (fillfactor = 80);
CREATE INDEX target_due ON sync.target (account_id, connection_id, next_attempt_at) WHERE state = 'due';
CREATE INDEX target_failed ON sync.target (account_id, connection_id, lead_id) WHERE state = 'failed';
CREATE INDEX target_external ON sync.target (account_id, connection_id, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE sync.outbox (LIKE leads.outbox INCLUDING ALL);

-- Totals per connection and day, for the status page: kept, not counted.
CREATE TABLE sync.daily (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    day           date NOT NULL,
    pushed        bigint NOT NULL DEFAULT 0,
    failed        bigint NOT NULL DEFAULT 0,
    lag_ms        double precision NOT NULL DEFAULT 0,   -- sum over pushed of (pushed - heard of)
    last_sync_at  timestamptz,
    PRIMARY KEY (account_id, connection_id, day)
);

----------------------------------------------------------------------------------------------- webhooks
CREATE TABLE webhooks.subscription (
    account_id  bigint NOT NULL REFERENCES control.account,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    webhook_url text NOT NULL,
    events      text[] NOT NULL,                     -- public names: lead.created, lead.updated, enrollment.completed
    secret      bytea NOT NULL,                      -- vault ciphertext
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'deleted')),
    paused_reason text,                              -- why the hub paused it by itself
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id),
    UNIQUE (id)
);

-- The body of an event, once for all its subscribers; signed bytes must not change between attempts.
CREATE TABLE webhooks.payload (
    account_id bigint NOT NULL,
    event_id   uuid NOT NULL,
    event      text NOT NULL,
    body       bytea NOT NULL,
    traceparent text,                                -- the trace that caused the event, sent on to subscribers
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, event_id)
);
CREATE INDEX payload_age ON webhooks.payload USING brin (created_at);

CREATE TABLE webhooks.delivery (
    account_id      bigint NOT NULL,
    subscription_id bigint NOT NULL,
    event_id        uuid NOT NULL,
    state           text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'failed')),
    attempts        int NOT NULL DEFAULT 0,          -- ever made; numbers the delivery log
    step            int NOT NULL DEFAULT 0,          -- place in the retry schedule; a re-drive starts it again
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    claimed_until   timestamptz,
    claim           uuid,                            -- fences a process whose claim ran out
    created_at      timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    last_status     int,
    last_error      text,
    PRIMARY KEY (account_id, subscription_id, event_id)
) WITH (fillfactor = 80);
-- By subscription, so that the backlog of one endpoint never stands before the rows of another.
CREATE INDEX delivery_due ON webhooks.delivery (account_id, subscription_id, next_attempt_at) WHERE state = 'due';
CREATE INDEX delivery_age ON webhooks.delivery USING brin (created_at);

-- The delivery log: one row per attempt.
CREATE TABLE webhooks.attempt (
    account_id      bigint NOT NULL,
    subscription_id bigint NOT NULL,
    event_id        uuid NOT NULL,
    number          int NOT NULL,
    at              timestamptz NOT NULL,
    status          int,                             -- HTTP status; null when there was no answer
    error           text,
    duration_ms     double precision NOT NULL,
    PRIMARY KEY (account_id, subscription_id, event_id, number)
);
CREATE INDEX attempt_age ON webhooks.attempt USING brin (at);

-------------------------------------------------------------------------------------------------- audit
CREATE TABLE audit.entry (
    account_id     bigint NOT NULL,
    event_id       uuid NOT NULL,                    -- UUIDv7: ordered by time
    event          text NOT NULL,                    -- public name: lead.created, lead.synced, ...
    at             timestamptz NOT NULL,
    actor          text NOT NULL,
    crm            text,
    action         text NOT NULL,
    fields_changed text[] NOT NULL,
    ip_address     text,
    subject        text NOT NULL,                    -- lead/123, import/<id>
    causation_id   text,
    details        jsonb,
    PRIMARY KEY (account_id, event_id)
);
CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse();

CREATE TABLE audit.daily (
    account_id bigint NOT NULL,
    day        date NOT NULL,
    event      text NOT NULL,
    entries    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, day, event)
);

-- Whatever comes into the trail, by INSERT or by COPY, is in the day's totals. In key order, so that two copies of the
-- service which count at the same time wait for each other and never deadlock.
CREATE FUNCTION audit.count() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO audit.daily AS total (account_id, day, event, entries)
    SELECT account_id, (at AT TIME ZONE 'UTC')::date, event, count(*) FROM fresh GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (account_id, day, event) DO UPDATE SET entries = total.entries + excluded.entries;
    RETURN NULL;
END $$;
CREATE TRIGGER counted AFTER INSERT ON audit.entry REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION audit.count();

------------------------------------------------------------------------------------------------- grants
GRANT USAGE ON SCHEMA control, leads, sync, webhooks, audit TO
    hub_gateway, hub_transformer, hub_sync_worker, hub_webhook_dispatcher, hub_audit, hub_admin;
GRANT EXECUTE ON FUNCTION control.current_account() TO PUBLIC;

GRANT SELECT ON control.account, control.data_key, control.connection TO
    hub_gateway, hub_transformer, hub_sync_worker, hub_webhook_dispatcher;
GRANT INSERT ON control.data_key TO hub_gateway, hub_sync_worker;
GRANT SELECT ON control.api_key TO hub_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON control.import, control.import_rejection TO hub_gateway;
GRANT INSERT, UPDATE ON control.connection TO hub_gateway;
GRANT UPDATE (status, credentials, updated_at) ON control.connection TO hub_sync_worker;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA leads TO hub_transformer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA leads TO hub_transformer;
GRANT SELECT ON leads.lead, leads.link, leads.history, leads.enrollment, leads.inbox, leads.import_progress,
    leads.import_issue TO hub_gateway;
GRANT SELECT ON leads.lead, leads.link TO hub_sync_worker;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sync TO hub_sync_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA sync TO hub_sync_worker;
GRANT SELECT ON sync.target, sync.daily TO hub_gateway, hub_transformer;

GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks.payload, webhooks.delivery, webhooks.attempt TO hub_webhook_dispatcher;
GRANT SELECT, UPDATE (status, paused_reason) ON webhooks.subscription TO hub_webhook_dispatcher;
GRANT SELECT, INSERT, UPDATE ON webhooks.subscription TO hub_gateway;
GRANT SELECT ON webhooks.delivery, webhooks.attempt, webhooks.payload TO hub_gateway;

GRANT SELECT, INSERT ON audit.entry TO hub_audit;
GRANT SELECT, INSERT, UPDATE ON audit.daily TO hub_audit;
GRANT SELECT ON audit.entry, audit.daily TO hub_gateway;

GRANT ALL ON ALL TABLES IN SCHEMA control, leads, sync, webhooks TO hub_admin;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA control, leads, sync, webhooks TO hub_admin;
GRANT SELECT ON ALL TABLES IN SCHEMA audit TO hub_admin;

--------------------------------------------------------------------------------------------- tenants apart
-- The gateway answers for one account at a time and sees no other's rows. Workers handle batches of all accounts.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['control.import', 'control.import_rejection', 'leads.lead', 'leads.link', 'leads.history',
        'leads.enrollment', 'leads.inbox', 'leads.import_progress', 'leads.import_issue', 'sync.target', 'sync.daily',
        'webhooks.subscription', 'webhooks.payload', 'webhooks.delivery', 'webhooks.attempt', 'audit.entry', 'audit.daily'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO hub_gateway USING (account_id = control.current_account())', t);
        EXECUTE format('CREATE POLICY workers ON %s TO hub_transformer, hub_sync_worker, hub_webhook_dispatcher, hub_audit,
            hub_admin USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
