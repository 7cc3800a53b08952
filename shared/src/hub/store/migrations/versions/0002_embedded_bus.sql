-- The embedded bus (hub.bus.embedded): one row per message and bound queue, the body once.
-- Rows live for milliseconds to minutes, so that vacuuming has to follow the traffic, not the table's size.

CREATE TABLE bus.queue (
    name           text PRIMARY KEY,
    delivery_limit int NOT NULL
);

-- Which queues hear an event type. Declared by every service that connects, whether the queue's own service runs or not.
CREATE TABLE bus.binding (
    event_type text NOT NULL,
    queue      text NOT NULL REFERENCES bus.queue ON DELETE CASCADE,
    PRIMARY KEY (event_type, queue)
);

CREATE SEQUENCE bus.body_id;
CREATE TABLE bus.body (
    id   bigint PRIMARY KEY DEFAULT nextval('bus.body_id'),
    body bytea NOT NULL                              -- a CloudEvents batch
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
        toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000);
ALTER TABLE bus.body ALTER COLUMN body SET STORAGE EXTERNAL;  -- compressing what is deleted at once costs more than it saves

CREATE TABLE bus.message (
    queue      text NOT NULL,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    body_id    bigint NOT NULL,
    attempt    int NOT NULL DEFAULT 0,               -- how often its one event was put back by its handler
    deliveries int NOT NULL DEFAULT 0,               -- how often it was given to a consumer
    consumer   int,                                  -- who has it in hand; null: it waits
    PRIMARY KEY (queue, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX message_body ON bus.message (body_id, queue);

-- A consumer holds the advisory lock (class, id) for as long as its session lives; a row without its lock is a dead consumer.
CREATE SEQUENCE bus.consumer_id AS int CYCLE;
CREATE TABLE bus.consumer (
    id         int PRIMARY KEY,
    queue      text NOT NULL,
    name       text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE bus.dead_letter (
    queue   text NOT NULL,
    id      text NOT NULL,                           -- the event's id; a new one for a body that cannot be read
    reason  text NOT NULL,
    attempt int NOT NULL,
    body    bytea NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (queue, id)
);
CREATE INDEX dead_letter_age ON bus.dead_letter (queue, died_at);

GRANT USAGE ON SCHEMA bus TO
    hub_gateway, hub_transformer, hub_sync_worker, hub_webhook_dispatcher, hub_audit, hub_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bus TO
    hub_gateway, hub_transformer, hub_sync_worker, hub_webhook_dispatcher, hub_audit, hub_admin;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA bus TO
    hub_gateway, hub_transformer, hub_sync_worker, hub_webhook_dispatcher, hub_audit, hub_admin;
