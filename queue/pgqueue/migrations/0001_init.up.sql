-- Names of queues and texts of deduplication are found by hashes (key): an index does not
-- hold long ones. Times are the server's: machines need not agree about theirs.
CREATE TABLE queue (
    key  uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL
);

-- Rows are written some times and then removed: with room in its page a row's new version
-- stays there, and what is removed is cleared away soon.
CREATE TABLE message (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue    uuid        NOT NULL,
    body     bytea       NOT NULL,
    sent     timestamptz NOT NULL DEFAULT now(),
    visible  timestamptz NOT NULL,
    receives int         NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX message_visible ON message (queue, visible);

CREATE TABLE dead_letter (
    id     bigint PRIMARY KEY,
    queue  uuid        NOT NULL,
    body   bytea       NOT NULL,
    sent   timestamptz NOT NULL,
    died   timestamptz NOT NULL DEFAULT now(),
    reason text        NOT NULL
);
CREATE INDEX dead_letter_queue ON dead_letter (queue, died);

CREATE TABLE dedup (
    queue uuid        NOT NULL,
    key   uuid        NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (queue, key)
) WITH (fillfactor = 70);
CREATE INDEX dedup_until ON dedup (until);
