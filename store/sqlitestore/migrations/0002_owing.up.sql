-- Runs that owe calls of their DAG's callbacks, now or at a deadline: they are few.
ALTER TABLE run ADD COLUMN owes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX run_owing ON run (run_after, dag, run) WHERE owes = 1;
