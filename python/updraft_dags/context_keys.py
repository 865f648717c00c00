"""The names of what tasks find in their context."""
from __future__ import annotations

# The names of Airflow's context: a function's arguments of these names are filled in.
CONTEXT_KEYS = frozenset((
    "conn", "dag", "dag_run", "data_interval_end", "data_interval_start", "ds", "ds_nodash", "execution_date", "exception",
    "expanded_ti_count", "inlet_events", "inlets", "logical_date", "macros", "map_index_template", "next_ds",
    "next_ds_nodash", "next_execution_date", "outlet_events", "outlets", "params", "partition_date", "partition_key",
    "prev_data_interval_end_success", "prev_data_interval_start_success", "prev_ds", "prev_ds_nodash",
    "prev_end_date_success", "prev_execution_date", "prev_execution_date_success", "prev_start_date_success", "run_id",
    "start_date", "task", "task_instance", "task_instance_key_str", "task_reschedule_count", "templates_dict", "test_mode",
    "ti", "tomorrow_ds", "tomorrow_ds_nodash", "triggering_asset_events", "triggering_dataset_events", "ts", "ts_nodash",
    "ts_nodash_with_tz", "var", "yesterday_ds", "yesterday_ds_nodash",
))
