"""The arguments of every task: their defaults, their types, and their spellings of 2.x."""
from __future__ import annotations

import datetime
from typing import Any

from updraft_dags import errors, mode, times
from updraft_dags.rules import OLD_RULES, TriggerRule, WeightRule

DEFAULTS = {
    "owner": "airflow", "email": None, "email_on_retry": True, "email_on_failure": True,
    "retries": 0, "retry_delay": datetime.timedelta(seconds=300), "retry_exponential_backoff": 0,
    "max_retry_delay": None, "retry_policy": None, "start_date": None, "end_date": None,
    "depends_on_past": False, "ignore_first_depends_on_past": True,
    "wait_for_past_depends_before_skipping": False, "wait_for_downstream": False,
    "priority_weight": 1, "weight_rule": WeightRule.DOWNSTREAM, "queue": "default", "pool": "default_pool",
    "pool_slots": 1, "execution_timeout": None, "on_execute_callback": None, "on_failure_callback": None,
    "on_success_callback": None, "on_retry_callback": None, "on_skipped_callback": None,
    "pre_execute": None, "post_execute": None, "trigger_rule": TriggerRule.ALL_SUCCESS, "resources": None,
    "run_as_user": None, "map_index_template": None, "max_active_tis_per_dag": None,
    "max_active_tis_per_dagrun": None, "executor": None, "executor_config": None, "do_xcom_push": True,
    "multiple_outputs": False, "inlets": None, "outlets": None, "task_display_name": None,
    "logger_name": None, "allow_nested_operators": True, "doc": None, "doc_md": None, "doc_json": None,
    "doc_yaml": None, "doc_rst": None, "render_template_as_native_obj": None,
}

_BOOLS = ("email_on_retry", "email_on_failure", "depends_on_past", "ignore_first_depends_on_past",
          "wait_for_past_depends_before_skipping", "wait_for_downstream", "do_xcom_push", "multiple_outputs",
          "allow_nested_operators")
_TEXTS = ("owner", "queue", "pool", "run_as_user", "map_index_template", "executor", "doc", "doc_md", "doc_json",
          "doc_yaml", "doc_rst", "task_display_name", "logger_name")
_INTS = ("priority_weight", "pool_slots", "max_active_tis_per_dag", "max_active_tis_per_dagrun")
EXPECTED = {**dict.fromkeys(_BOOLS, bool), **dict.fromkeys(_TEXTS, str), **dict.fromkeys(_INTS, int)}

# Arguments of 2.x: their new names; None are dropped.
_RENAMED = {"task_concurrency": "max_active_tis_per_dag", "provide_context": None}

# Arguments that are accepted and do nothing here, with what there is instead.
_WITHOUT_EFFECT = {
    "run_as_user": "run the workers as the user that tasks need",
    "retry_policy": "use retries, retry_delay, retry_exponential_backoff, and AirflowFailException to end without another try",
}


def modern(kwargs: dict[str, Any]) -> Any:
    """The arguments in today's spelling; strict readings leave them to be refused."""
    if "sla" in kwargs:
        kwargs = dict(kwargs)
        if kwargs.pop("sla") is not None:
            mode.warn("The SLA feature is removed in Airflow 3.0, replaced with Deadline Alerts in >=3.1")
    here = mode.current()
    if here.strict:
        return kwargs
    for name, why in _WITHOUT_EFFECT.items():
        if kwargs.get(name) is not None:
            mode.warn("%s has no effect in Updraft: %s" % (name, why))
    for old, new in _RENAMED.items():
        if old in kwargs:
            here.old(old)
            kwargs = dict(kwargs)
            value = kwargs.pop(old)
            if new is not None:
                kwargs.setdefault(new, value)
    return kwargs


def normal(kwargs: dict[str, Any], task: Any, dag: Any) -> Any:
    """The values of all of DEFAULTS for a task, checked and in one form."""
    out = dict(DEFAULTS)
    out.update((name, value) for name, value in kwargs.items() if name in DEFAULTS)
    for name in ("priority_weight", "pool_slots"):
        if out[name] is None:  # a default_args that leaves it open: Airflow does not write it down
            out[name] = DEFAULTS[name]
    out["retries"] = retries(out["retries"])
    for name in ("retry_delay", "max_retry_delay"):
        if out[name] is not None and not isinstance(out[name], datetime.timedelta):
            out[name] = datetime.timedelta(seconds=out[name])
    if out["execution_timeout"] is not None and not isinstance(out["execution_timeout"], datetime.timedelta):
        raise ValueError("execution_timeout must be timedelta object but passed as type: %s"
                         % type(out["execution_timeout"]))
    zone = dag.timezone if dag is not None else None
    for name in ("start_date", "end_date"):
        out[name] = times.moment(out[name], zone)
    out["trigger_rule"] = trigger_rule(out["trigger_rule"], task, dag)
    out["weight_rule"] = weight_rule(out["weight_rule"])
    for name in ("inlets", "outlets"):
        out[name] = assets(out[name])
    out["executor_config"] = out["executor_config"] or {}
    if out["wait_for_downstream"]:
        out["depends_on_past"] = True
    if out["task_display_name"] is None:
        del out["task_display_name"]
    for name in ("pre_execute", "post_execute"):
        if out[name] is None:
            del out[name]
        else:
            out["_%s_hook" % name] = out.pop(name)
    _check_types(out, task)
    if out["pool_slots"] < 1:
        raise ValueError("pool slots for %s%s cannot be less than 1"
                         % (task.task_id, " in dag %s" % dag.dag_id if dag is not None else ""))
    return out


def _check_types(values: Any, task: Any) -> None:
    for name, kind in EXPECTED.items():
        value = values.get(name)
        if value is not None and not isinstance(value, kind):
            raise TypeError("%r for task %r expects %s, got %s with value %r"
                            % (name, task.task_id, kind, type(value), value))


def retries(value: Any) -> Any:
    """A number of retries; text of a number passes, as in Airflow."""
    if value is None:
        return 0
    if type(value) is int:
        return value
    try:
        return int(value)
    except (TypeError, ValueError):
        raise errors.AirflowException("'retries' type must be int, not %s" % type(value).__name__) from None


def trigger_rule(rule: Any, task: Any, dag: Any) -> Any:
    """The rule, if there is such a one."""
    if isinstance(rule, str) and not mode.current().strict and str(rule) in OLD_RULES:
        mode.current().old(rule)
        rule = OLD_RULES[rule]
    try:
        return TriggerRule(getattr(rule, "value", rule))
    except ValueError:
        name = "%s.%s" % (dag.dag_id if dag is not None else "", task.task_id)
        raise ValueError("The trigger_rule must be one of %s,'%s'; received '%s'."
                         % (TriggerRule.all_values(), name, rule)) from None


def check_fail_fast(rule: Any) -> None:
    """Raises for rules that a fail_fast DAG cannot have."""
    if rule not in (TriggerRule.ALL_SUCCESS, TriggerRule.ALL_DONE_SETUP_SUCCESS):
        raise errors.FailFastDagInvalidTriggerRule()


def weight_rule(rule: Any) -> Any:
    """One of the three rules; strategies of an author's own cannot be asked by Go."""
    name = getattr(rule, "value", rule)
    kinds = {"_DownstreamPriorityWeightStrategy": "downstream", "_UpstreamPriorityWeightStrategy": "upstream",
             "_AbsolutePriorityWeightStrategy": "absolute"}
    name = kinds.get(type(rule).__name__, name)
    try:
        return WeightRule(name)
    except ValueError:
        pass
    if isinstance(rule, str):
        raise errors.AirflowException("Unknown priority strategy %s" % rule)
    raise errors.Unsupported("weight_rule is a %s: Updraft has downstream, upstream and absolute" % type(rule).__name__)


def assets(value: Any) -> list[Any]:
    """A list of assets; one alone passes."""
    if value is None:
        return []
    if isinstance(value, (list, tuple, set)):
        return list(value)
    return [value]
