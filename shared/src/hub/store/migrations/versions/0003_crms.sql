------------------------------------------------------------------------------------------------ connecting
ALTER TABLE control.connection
    ADD COLUMN auth_type       text NOT NULL DEFAULT 'api_key' CHECK (auth_type IN ('api_key', 'oauth2')),
    ADD COLUMN tenant          text,                 -- the vendor's name for the customer: org, portal, company id
    ADD COLUMN grant_version   bigint NOT NULL DEFAULT 0,  -- fences token refreshes: whoever wrote last counts
    ADD COLUMN refreshing      uuid,                 -- whose turn it is to refresh, …
    ADD COLUMN refreshing_until timestamptz,         -- … and until when, should that process die
    ADD COLUMN status_reason   text,                 -- why it is not connected, in words
    ADD COLUMN checked_at      timestamptz,          -- when the CRM last accepted the credentials
    ADD COLUMN heard_at        timestamptz;          -- when its last webhook came, to a few seconds
ALTER TABLE control.connection DROP CONSTRAINT connection_status_check;
ALTER TABLE control.connection ADD CONSTRAINT connection_status_check
    CHECK (status IN ('pending', 'connected', 'paused', 'needs_reauth', 'disconnected'));
CREATE INDEX connection_tenant ON control.connection (crm_type, tenant) WHERE tenant IS NOT NULL;

-- One authorisation on its way through a browser. The row goes when it is used; what is old is swept.
CREATE TABLE control.oauth_attempt (
    state_hash    bytea PRIMARY KEY,                 -- SHA-256 of the state: a leaked table lets nobody in
    account_id    bigint NOT NULL REFERENCES control.account,
    crm_type      text NOT NULL,
    connection_id bigint,                            -- when an existing connection is connected anew
    name          text NOT NULL,
    config        jsonb NOT NULL,
    redirect_uri  text NOT NULL,
    return_to     text,                              -- where the browser goes in the end
    session_hash  bytea,                             -- SHA-256 of the browser session's cookie
    verifier      bytea,                             -- PKCE, vault ciphertext
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL
);
CREATE INDEX oauth_attempt_age ON control.oauth_attempt (expires_at);

---------------------------------------------------------------------------------------------------- pulling
-- Where each connection's reading stands; one row per connection.
CREATE TABLE sync.stream (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    cursor        jsonb,                             -- where the next run of changes begins; null: nothing read yet
    schedule      text NOT NULL DEFAULT 'hourly',    -- hourly, daily, manual, or a cron expression (UTC)
    next_run_at   timestamptz,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, connection_id)
);
CREATE INDEX stream_due ON sync.stream (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE sync.run (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    id            uuid NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('scheduled', 'on_demand', 'backfill')),
    mode          text NOT NULL CHECK (mode IN ('full', 'changes')),
    state         text NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
    cursor        jsonb,                             -- after the last page that is durable
    records       bigint NOT NULL DEFAULT 0,         -- read
    deleted       bigint NOT NULL DEFAULT 0,         -- of them, told as deleted or merged
    total         bigint,                            -- if the CRM told
    pages         int NOT NULL DEFAULT 0,
    attempts      int NOT NULL DEFAULT 0,            -- setbacks in a row
    error         jsonb,
    requested_by  text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    page_at       timestamptz,                       -- when the last page was durable
    read_at       timestamptz,                       -- when all was read; what follows is to see it arrive
    last_event    uuid,                              -- of the last record told
    finished_at   timestamptz,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    claim         uuid,                              -- fences a worker whose claim ran out
    claimed_until timestamptz,
    PRIMARY KEY (account_id, connection_id, id)
);
CREATE UNIQUE INDEX run_one_at_a_time ON sync.run (account_id, connection_id)
    WHERE state IN ('queued', 'running', 'paused');
CREATE INDEX run_due ON sync.run (next_attempt_at) WHERE state IN ('queued', 'running');
CREATE INDEX run_recent ON sync.run (account_id, connection_id, created_at DESC);

-- Records that a full reading met: what is linked and was not met is gone.
CREATE TABLE sync.met (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    run_id        uuid NOT NULL,
    record_id     text NOT NULL,
    PRIMARY KEY (account_id, connection_id, run_id, record_id)
);

-- Records that a webhook told of without telling (all) their fields: to be read from the CRM, in batches.
CREATE TABLE sync.wanted (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    record_id     text NOT NULL,
    heard         int NOT NULL DEFAULT 1,            -- grows with each hint: one that comes during the reading stays
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    attempts      int NOT NULL DEFAULT 0,
    claimed_until timestamptz,
    claim         uuid,
    PRIMARY KEY (account_id, connection_id, record_id)
);
CREATE INDEX wanted_due ON sync.wanted (account_id, connection_id, next_attempt_at);

------------------------------------------------------------------------------------------------------ quota
-- One row per connection and window, shared by all copies of the service.
CREATE TABLE sync.budget (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    name          text NOT NULL,                     -- burst, daily, search …
    most          bigint NOT NULL,                   -- units in a window, as known or learnt
    seconds       double precision NOT NULL,
    fixed         boolean NOT NULL,
    used          double precision NOT NULL DEFAULT 0,
    since         timestamptz NOT NULL DEFAULT now(),  -- rolling: when ``used`` was last worked out; fixed: its start
    closed_until  timestamptz,                       -- the vendor refused for want of quota
    learnt_at     timestamptz,
    PRIMARY KEY (account_id, connection_id, name)
) WITH (fillfactor = 50);

------------------------------------------------------------------------------------------------------ schema
-- The CRM's fields as last seen, and what is wrong with them.
CREATE TABLE sync.remote_schema (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    fields        jsonb NOT NULL,                    -- name -> {label, type, choices, …}
    owners        jsonb NOT NULL DEFAULT '[]',
    seen_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, connection_id)
);
CREATE TABLE sync.drift (
    account_id    bigint NOT NULL,
    connection_id bigint NOT NULL,
    field         text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('field_vanished', 'unknown_choice', 'type_changed', 'not_writable')),
    detail        text NOT NULL,
    found_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, connection_id, field, kind)
);

-- The record is gone from the CRM: the lead is not pushed there again unless it comes back.
ALTER TABLE sync.target DROP CONSTRAINT target_state_check;
ALTER TABLE sync.target ADD CONSTRAINT target_state_check CHECK (state IN ('due', 'in_sync', 'failed', 'gone'));

------------------------------------------------------------------------------------------------------ grants
GRANT SELECT, INSERT, DELETE ON control.oauth_attempt TO hub_gateway;
GRANT UPDATE (status, status_reason, credentials, tenant, grant_version, refreshing, refreshing_until, checked_at,
    updated_at) ON control.connection TO hub_sync_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON sync.stream, sync.run, sync.met, sync.wanted, sync.budget, sync.remote_schema, sync.drift
    TO hub_sync_worker;
GRANT SELECT ON leads.inbox TO hub_sync_worker;              -- whether what was read has arrived
GRANT SELECT ON sync.stream, sync.run, sync.budget, sync.remote_schema, sync.drift TO hub_gateway;
-- Runs are asked for, paused, gone on with and cancelled by the API; failed rows are due again.
GRANT INSERT, UPDATE ON sync.stream, sync.run TO hub_gateway;
GRANT UPDATE (state, next_attempt_at, attempts, last_error) ON sync.target TO hub_gateway;
GRANT ALL ON ALL TABLES IN SCHEMA control, sync TO hub_admin;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sync.stream', 'sync.run', 'sync.met', 'sync.wanted', 'sync.budget', 'sync.remote_schema', 'sync.drift'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant ON %s TO hub_gateway USING (account_id = control.current_account())', t);
        EXECUTE format('CREATE POLICY workers ON %s TO hub_sync_worker, hub_admin USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
