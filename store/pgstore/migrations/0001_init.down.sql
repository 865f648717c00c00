DROP FUNCTION delete_dag, delete_run, delete_runs, apply, wrote;
DROP TABLE writer, asset_event, setting, xcom, history, ti, run, dag_version, dag;
