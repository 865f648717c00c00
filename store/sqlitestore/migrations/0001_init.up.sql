-- Times are nanoseconds since 1970. Blobs are written by codec.go, or are JSON.
CREATE TABLE dag (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  TEXT    NOT NULL,
    file     TEXT    NOT NULL,
    stale    INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    state    BLOB    NOT NULL
) WITHOUT ROWID;

CREATE TABLE dag_version (
    dag     TEXT NOT NULL,
    version TEXT NOT NULL,
    at      BLOB NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (dag, version)
);

CREATE TABLE run (
    id        INTEGER PRIMARY KEY,
    dag       TEXT    NOT NULL,
    run       TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    clears    INTEGER NOT NULL,
    type      TEXT    NOT NULL,
    logical   INTEGER,
    run_after INTEGER NOT NULL,
    backfill  TEXT    NOT NULL,
    body      BLOB    NOT NULL,
    UNIQUE (dag, run)
);
CREATE UNIQUE INDEX run_logical ON run (dag, logical) WHERE logical IS NOT NULL;
CREATE INDEX run_by_time ON run (run_after, dag, run);
CREATE INDEX run_by_dag ON run (dag, run_after, run);
CREATE INDEX run_open ON run (run_after, dag, run) WHERE state IN ('queued', 'running');
CREATE INDEX run_backfill ON run (backfill, run_after) WHERE backfill <> '';

-- One row per task instance. What conditions and queries look at is a column, the
-- rest is body. due is the earlier of Due and Lease.
CREATE TABLE ti (
    run   INTEGER NOT NULL,
    task  TEXT    NOT NULL,
    map   INTEGER NOT NULL,
    state INTEGER NOT NULL,
    try   INTEGER NOT NULL,
    token TEXT    NOT NULL,
    due   INTEGER,
    body  BLOB    NOT NULL,
    PRIMARY KEY (run, task, map)
) WITHOUT ROWID;
CREATE INDEX ti_due ON ti (due) WHERE due IS NOT NULL;

CREATE TABLE history (
    run   INTEGER NOT NULL,
    task  TEXT    NOT NULL,
    map   INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    state INTEGER NOT NULL,
    try   INTEGER NOT NULL,
    token TEXT    NOT NULL,
    body  BLOB    NOT NULL,
    PRIMARY KEY (run, task, map, seq)
) WITHOUT ROWID;

CREATE TABLE xcom (
    run   INTEGER NOT NULL,
    task  TEXT    NOT NULL,
    map   INTEGER NOT NULL,
    name  TEXT    NOT NULL,
    at    BLOB    NOT NULL,
    value BLOB    NOT NULL,
    PRIMARY KEY (run, task, map, name)
) WITHOUT ROWID;

CREATE TABLE setting (
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    at       BLOB    NOT NULL,
    value    BLOB    NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE TABLE asset_event (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    asset TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    body  BLOB    NOT NULL
);
CREATE INDEX asset_event_by_time ON asset_event (at);
CREATE INDEX asset_event_by_asset ON asset_event (asset, at);
