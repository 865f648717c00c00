-- Times are nanoseconds since 1970. Blobs are written by package rowcodec, or are JSON.
--
-- A name may have 1,000 characters, of which an index holds no more than 2,700 bytes: what
-- is looked for by name has a key, a hash that keys.go makes of it. Texts are compared byte
-- by byte, as Go does.
CREATE TABLE dag (
    key      uuid   PRIMARY KEY,
    id       text   COLLATE "C" NOT NULL,
    version  text   COLLATE "C" NOT NULL,
    version_key uuid NOT NULL,
    file     text   COLLATE "C" NOT NULL,
    stale    bool   NOT NULL,
    revision bigint NOT NULL,
    state    bytea  NOT NULL
);

CREATE TABLE dag_version (
    dag     uuid  NOT NULL,
    key     uuid  NOT NULL,
    version text  COLLATE "C" NOT NULL,
    at      bytea NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (dag, key)
);

CREATE TABLE run (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key       uuid   NOT NULL UNIQUE,
    dag_key   uuid   NOT NULL,
    dag       text   COLLATE "C" NOT NULL,
    run       text   COLLATE "C" NOT NULL,
    state     text   NOT NULL,
    clears    int    NOT NULL,
    type      text   NOT NULL,
    logical   bigint,
    run_after bigint NOT NULL,
    backfill  text   NOT NULL,
    -- Runs that owe calls of their DAG's callbacks, now or at a deadline: they are few.
    owes      bool   NOT NULL,
    body      bytea  NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX run_logical ON run (dag_key, logical) WHERE logical IS NOT NULL;
CREATE INDEX run_by_time ON run (run_after);
CREATE INDEX run_by_dag ON run (dag_key, run_after);
CREATE INDEX run_open ON run (run_after) WHERE state IN ('queued', 'running');
CREATE INDEX run_backfill ON run (run_after) WHERE backfill <> '';
CREATE INDEX run_owing ON run (run_after) WHERE owes;

-- One row per task instance. What conditions and queries look at is a column, the rest is
-- body. due is the earlier of Due and Lease. Rows are written some times and then never
-- again: with room in its page a row's new version needs no entry in an index.
CREATE TABLE ti (
    run   bigint   NOT NULL,
    key   uuid     NOT NULL, -- of the task
    task  text     COLLATE "C" NOT NULL,
    map   int      NOT NULL,
    state smallint NOT NULL,
    try   int      NOT NULL,
    token text     COLLATE "C" NOT NULL,
    due   bigint,
    body  bytea    NOT NULL,
    PRIMARY KEY (run, key, map)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ti_due ON ti (due) WHERE due IS NOT NULL;

CREATE TABLE history (
    run   bigint   NOT NULL,
    key   uuid     NOT NULL,
    task  text     COLLATE "C" NOT NULL,
    map   int      NOT NULL,
    seq   int      NOT NULL,
    state smallint NOT NULL,
    try   int      NOT NULL,
    token text     COLLATE "C" NOT NULL,
    body  bytea    NOT NULL,
    PRIMARY KEY (run, key, map, seq)
);

CREATE TABLE xcom (
    run   bigint NOT NULL,
    key   uuid   NOT NULL, -- of the task
    task  text   COLLATE "C" NOT NULL,
    map   int    NOT NULL,
    name_key uuid NOT NULL,
    name  text   COLLATE "C" NOT NULL,
    at    bytea  NOT NULL,
    value bytea  NOT NULL,
    PRIMARY KEY (run, key, map, name_key)
);

CREATE TABLE setting (
    key      uuid   PRIMARY KEY, -- of kind and id
    kind     text   COLLATE "C" NOT NULL,
    id       text   COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    at       bytea  NOT NULL,
    value    bytea  NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX setting_kind ON setting USING hash (kind);

CREATE TABLE asset_event (
    id    bigint PRIMARY KEY,
    key   uuid   NOT NULL, -- of the asset
    asset text   COLLATE "C" NOT NULL,
    at    bigint NOT NULL,
    body  bytea  NOT NULL
);
CREATE SEQUENCE asset_event_id OWNED BY asset_event.id;
CREATE INDEX asset_event_by_time ON asset_event (at);
CREATE INDEX asset_event_by_asset ON asset_event (key, at);

-- Who has written: each transaction that writes leaves another number in one of some rows,
-- its connection's, so that hardly two ever wait for each other. A process has a number of
-- its own (store). Notifications instead would let commits go one by one.
CREATE TABLE writer (
    slot  int    PRIMARY KEY,
    store bigint NOT NULL,
    n     bigint NOT NULL
) WITH (fillfactor = 10);

CREATE FUNCTION wrote(me bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO writer (slot, store, n) VALUES (pg_backend_pid() % 512, me, 1)
    ON CONFLICT (slot) DO UPDATE SET store = excluded.store, n = writer.n + 1
$$;

-- apply writes batches (b), see store.Runs. What comes to batch i is numbered i, from 1 on:
-- rows of runs (r), in order, a Create before an Update; steps (c), each instance's in
-- order, and instances in the same order in all calls, so that two never wait for each
-- other in a circle; asset events (e). It returns what was refused (what: 'exists' or
-- 'missing') and lost ('run' or 'change', with the stored row if there is one).
--
-- The flags of a step: 1 gone, 2 archive, 4 clear XComs, 8 if absent, 16 an XCom of the
-- step before, whose value is body.
CREATE FUNCTION apply(
    me bigint, b_key uuid[],
    r_batch int[], r_create bool[], r_dag_key uuid[], r_dag text[], r_run text[], r_state text[], r_clears int[], r_type text[],
    r_logical bigint[], r_after bigint[], r_backfill text[], r_owes bool[], r_body bytea[], r_was_state text[], r_was_clears int[],
    c_batch int[], c_change int[], c_flags int[], c_key uuid[], c_task text[], c_map int[], c_if_state smallint[], c_if_try int[],
    c_if_token text[], c_state smallint[], c_try int[], c_token text[], c_due bigint[], c_body bytea[],
    c_name_key uuid[], c_name text[], c_at bytea[],
    e_batch int[], e_id bigint[], e_key uuid[], e_asset text[], e_at bigint[], e_body bytea[]
) RETURNS TABLE (what text, batch int, change int, state smallint, try int, token text, body bytea)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    ids   bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(b_key)]);
    spoilt bool[] := array_fill(false, ARRAY[cardinality(b_key)]);
    own   bigint;
    k     int := 1;
    c     record;
    held  bool;
    changed bool := false;
BEGIN
    -- Those whose rows change, always in the same order.
    IF cardinality(r_batch) > 1 THEN
        PERFORM FROM run WHERE key IN (SELECT b_key[r.i] FROM unnest(r_batch, r_create) r(i, made) WHERE NOT made) ORDER BY key FOR NO KEY UPDATE;
    END IF;
    FOR i IN 1 .. cardinality(b_key) LOOP
        CONTINUE WHEN b_key[i] IS NULL; -- it has only events
        own := NULL;
        IF r_batch[k] = i AND r_create[k] THEN
            INSERT INTO run (key, dag_key, dag, run, state, clears, type, logical, run_after, backfill, owes, body)
            VALUES (b_key[i], r_dag_key[k], r_dag[k], r_run[k], r_state[k], r_clears[k], r_type[k], r_logical[k], r_after[k], r_backfill[k], r_owes[k], r_body[k])
            ON CONFLICT DO NOTHING RETURNING id INTO own;
            what := 'exists';
            changed := changed OR own IS NOT NULL;
            k := k + 1;
        ELSE
            -- It must not go while something is added to it.
            SELECT id INTO own FROM run WHERE key = b_key[i] FOR KEY SHARE;
            what := 'missing';
        END IF;
        ids[i] := own;
        IF own IS NULL THEN
            spoilt[i] := true;
            batch := i;
            RETURN NEXT;
        END IF;
        IF r_batch[k] = i THEN
            IF own IS NOT NULL THEN
                UPDATE run SET state = r_state[k], clears = r_clears[k], type = r_type[k], run_after = r_after[k], backfill = r_backfill[k],
                    owes = r_owes[k], body = r_body[k]
                WHERE id = own AND run.state = r_was_state[k] AND clears = r_was_clears[k];
                changed := changed OR FOUND;
                IF NOT FOUND THEN
                    spoilt[i] := true;
                    what := 'run';
                    batch := i;
                    RETURN NEXT;
                END IF;
            END IF;
            k := k + 1;
        END IF;
    END LOOP;

    FOR c IN SELECT * FROM unnest(c_batch, c_change, c_flags, c_key, c_task, c_map, c_if_state, c_if_try, c_if_token,
        c_state, c_try, c_token, c_due, c_body, c_name_key, c_name, c_at)
        AS s(batch, change, flags, key, task, map, if_state, if_try, if_token, state, try, token, due, body, name_key, name, at)
    LOOP
        own := ids[c.batch];
        CONTINUE WHEN own IS NULL;
        IF c.flags & 16 <> 0 THEN
            IF held THEN
                INSERT INTO xcom (run, key, task, map, name_key, name, at, value)
                VALUES (own, c.key, c.task, c.map, c.name_key, c.name, c.at, c.body)
                ON CONFLICT (run, key, map, name_key) DO UPDATE SET at = excluded.at, value = excluded.value;
            END IF;
            CONTINUE;
        END IF;
        IF c.flags & 9 = 9 THEN
            held := NOT EXISTS (SELECT FROM ti WHERE run = own AND key = c.key AND map = c.map);
        ELSIF c.flags & 8 <> 0 THEN
            INSERT INTO ti (run, key, task, map, state, try, token, due, body)
            VALUES (own, c.key, c.task, c.map, c.state, c.try, c.token, c.due, c.body) ON CONFLICT DO NOTHING;
            held := FOUND;
        ELSE
            held := true;
            IF c.flags & 2 <> 0 THEN
                PERFORM FROM ti t WHERE t.run = own AND t.key = c.key AND t.map = c.map
                    AND t.state = c.if_state AND t.try = c.if_try AND t.token = c.if_token FOR UPDATE;
                held := FOUND;
                INSERT INTO history (run, key, task, map, seq, state, try, token, body)
                SELECT t.run, t.key, t.task, t.map, (SELECT coalesce(max(h.seq), 0) + 1 FROM history h
                    WHERE h.run = own AND h.key = c.key AND h.map = c.map), t.state, t.try, t.token, t.body
                FROM ti t WHERE held AND t.run = own AND t.key = c.key AND t.map = c.map;
            END IF;
            IF NOT held THEN
                NULL;
            ELSIF c.flags & 1 <> 0 THEN
                DELETE FROM ti t WHERE t.run = own AND t.key = c.key AND t.map = c.map
                    AND t.state = c.if_state AND t.try = c.if_try AND t.token = c.if_token;
                held := FOUND;
            ELSE
                UPDATE ti t SET state = c.state, try = c.try, token = c.token, due = c.due, body = c.body
                WHERE t.run = own AND t.key = c.key AND t.map = c.map
                    AND t.state = c.if_state AND t.try = c.if_try AND t.token = c.if_token;
                held := FOUND;
            END IF;
        END IF;
        IF held THEN
            changed := true;
            IF c.flags & 4 <> 0 THEN
                DELETE FROM xcom x WHERE x.run = own AND x.key = c.key AND x.map = c.map;
            END IF;
            CONTINUE;
        END IF;
        spoilt[c.batch] := true;
        what := 'change';
        batch := c.batch;
        change := c.change;
        SELECT t.state, t.try, t.token, t.body INTO state, try, token, body
        FROM ti t WHERE t.run = own AND t.key = c.key AND t.map = c.map;
        RETURN NEXT;
    END LOOP;

    IF cardinality(e_batch) > 0 THEN
        INSERT INTO asset_event (id, key, asset, at, body)
        SELECT coalesce(e.id, nextval('asset_event_id')), e.key, e.asset, e.at, e.body
        FROM unnest(e_batch, e_id, e_key, e_asset, e_at, e_body) AS e(batch, id, key, asset, at, body)
        WHERE NOT spoilt[e.batch] ON CONFLICT DO NOTHING;
        changed := changed OR FOUND;
        IF array_position(e_id, NULL) IS DISTINCT FROM 1 THEN -- ids were given: ours come after them
            PERFORM setval('asset_event_id', greatest(nextval('asset_event_id'), (SELECT max(id) FROM unnest(e_id) id)));
        END IF;
    END IF;
    IF changed THEN
        PERFORM wrote(me);
    END IF;
END
$$;

-- delete_runs removes runs with all that belongs to them, and returns how many there were.
-- With ended, those that are under way stay.
CREATE FUNCTION delete_runs(me bigint, which bigint[], ended bool) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    gone bigint[];
BEGIN
    -- First, so that nothing is added meanwhile; what follows sees what was added before.
    PERFORM FROM run r WHERE r.id = ANY(which) ORDER BY r.key FOR UPDATE;
    WITH d AS (DELETE FROM run r WHERE r.id = ANY(which) AND NOT (ended AND r.state IN ('queued', 'running')) RETURNING r.id)
    SELECT coalesce(array_agg(id), '{}') INTO gone FROM d;
    DELETE FROM ti t WHERE t.run = ANY(gone);
    DELETE FROM history h WHERE h.run = ANY(gone);
    DELETE FROM xcom x WHERE x.run = ANY(gone);
    IF cardinality(gone) > 0 THEN
        PERFORM wrote(me);
    END IF;
    RETURN cardinality(gone);
END
$$;

CREATE FUNCTION delete_run(me bigint, this uuid) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN delete_runs(me, ARRAY(SELECT r.id FROM run r WHERE r.key = this), false);
END
$$;

CREATE FUNCTION delete_dag(me bigint, this uuid) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM dag d WHERE d.key = this;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM delete_runs(me, ARRAY(SELECT r.id FROM run r WHERE r.dag_key = this), false);
    DELETE FROM dag_version v WHERE v.dag = this;
    PERFORM wrote(me);
    RETURN true;
END
$$;
