"""Tasks as the JSON of Go's dag.Task."""
from __future__ import annotations

from typing import Any

from updraft_dags import base, encode_mapping, pod_override, sensor, times, values
from updraft_dags.encode_callback import called
from updraft_dags.encode_common import doc, params, put
from updraft_dags.operator import BaseOperator

OBJECT = "updraft.operators.object.ObjectOperator"
_EVENTS = ("on_execute_callback", "on_success_callback", "on_failure_callback", "on_retry_callback", "on_skipped_callback")
# Arguments whose values a Python function is called with.
_PYTHON = ("op_args", "op_kwargs", "templates_dict")
# What a class may have of its own and still be run by Go.
_HARMLESS = frozenset(["__init__", "__doc__", "__module__", "__qualname__", "__repr__", "__str__"])


def native_class(cls) -> Any:
    """The class by which Go can run cls, or None.

    A subclass of an author is run by Go, too, when all it has of its own is an __init__:
    then it only computes arguments. Anything else may change what execute does.
    """
    for kind in cls.__mro__:
        if "_updraft_operator" in kind.__dict__:
            return kind
        own = (v for n, v in kind.__dict__.items() if n not in _HARMLESS)
        if kind is BaseOperator or any(callable(v) or isinstance(v, (property, staticmethod, classmethod)) for v in own):
            return None
    return None


def task(found: Any, to: Any) -> Any:
    """A task, plain or mapped."""
    out = {
        "task_id": found.task_id, "trigger_rule": base.trigger_rule(found.trigger_rule, found, found.dag).value,
        "retry_delay": times.nanoseconds(found.retry_delay),
        "ignore_first_depends_on_past": found.ignore_first_depends_on_past,
        "pool": found.pool, "pool_slots": int(found.pool_slots), "priority_weight": int(found.priority_weight),
        "weight_rule": base.weight_rule(found.weight_rule).value, "do_xcom_push": found.do_xcom_push,
    }
    if found.task_group is not None and not found.task_group.is_root:
        out["group"] = found.task_group.group_id
    put(out, "upstream", sorted(found.upstream_task_ids))
    _common(out, found, to)
    _behaviour(out, found, to)
    return out


# What Go calls by the same name, and what it calls otherwise.
_AS_THEY_ARE = dict({n: n for n in (
    "owner", "task_display_name", "map_index_template", "retries", "depends_on_past", "wait_for_downstream", "queue",
    "executor", "wait_for_past_depends_before_skipping", "multiple_outputs", "email_on_failure", "email_on_retry", "on_failure_fail_dagrun")},
    is_setup="setup", is_teardown="teardown")


def _common(out: dict[str, Any], found: Any, to: Any) -> None:
    for name, go in _AS_THEY_ARE.items():
        put(out, go, getattr(found, name, None))
    for name in ("max_active_tis_per_dag", "max_active_tis_per_dagrun"):
        put(out, name, int(getattr(found, name) or 0))
    fileloc = found.dag.fileloc if found.dag is not None else ""
    put(out, "doc_md", doc(found.doc_md or found.doc or found.doc_rst, fileloc))
    for name in ("start_date", "end_date"):
        value = getattr(found, name)
        if value is not None and value != getattr(found.dag, name):
            out[name] = times.rfc3339(value)
    put(out, "retry_exponential_backoff", backoff(found.retry_exponential_backoff))
    for name in ("max_retry_delay", "execution_timeout"):
        value = getattr(found, name)
        put(out, name, value is not None and times.nanoseconds(value))
    put(out, "email", emails(found.email))
    put(out, "executor_config", to.value(pod_override.modern(dict(found.executor_config)), (found.task_id, "executor_config")))
    put(out, "resources", resources(found.resources))
    put(out, "params", params(found.params, to, (found.task_id, "params")))
    for name in _EVENTS:
        put(out, name, called(getattr(found, name), to, (found.task_id, name)))
    for name in ("inlets", "outlets"):
        put(out, name, [values.asset_ref(one) for one in getattr(found, name)])


def backoff(found: Any) -> float:
    """The multiplier of the delay after each try; True is 2, and 0 is none."""
    value = 2.0 if found is True else float(found or 0)
    if not 0 <= value < 1e9:
        raise ValueError("retry_exponential_backoff is %r: use a multiplier of 1 or more" % (found,))
    return value


def emails(found: Any) -> list[Any]:
    """Addresses, of a list or of a text with commas or semicolons."""
    if not found:
        return []
    if isinstance(found, str):
        return [one.strip() for one in found.replace(";", ",").split(",") if one.strip()]
    return [str(one) for one in found]


def resources(found: Any) -> Any:
    """What a task asks for, of Airflow's resources: cpus, and ram and disk in megabytes."""
    out = {}
    for name, go, unit in (("cpus", "cpu_milli", 1000), ("ram", "memory", 1 << 20), ("disk", "ephemeral_storage", 1 << 20)):
        if found and found.get(name):
            out[go] = int(found[name] * unit)
    return out


def _behaviour(out: dict[str, Any], found: Any, to: Any) -> None:
    mapped = found.is_mapped
    cls = found.operator_class if mapped else type(found)
    kind = native_class(cls)
    held = getattr(found, "_pre_execute_hook", None) or getattr(found, "_post_execute_hook", None)
    if kind is not None and not held:
        out["operator"] = kind._updraft_operator
        args = _native_args(found, kind, to)
    else:
        out["operator"] = OBJECT
        args = _object_args(found, cls, to)
    if mapped:
        prefix = "op_kwargs." if found.maps_function else "" if out["operator"] != OBJECT else "kwargs."
        out["expand"] = encode_mapping.mapping(found.mapping, to, (found.task_id, ""), prefix)
    put(out, "args", args)
    if cls.inherits_from_empty_operator and kind is not None:
        put(out, "inert", not (found.on_execute_callback or found.on_success_callback or found.outlets))
    put(out, "reschedule", cls._is_sensor and (found.partial_kwargs.get("mode") if mapped else found.mode) == "reschedule")


def _native_args(found: Any, kind: Any, to: Any) -> Any:
    args = {}
    for argument in kind._updraft_spec.arguments:
        name = argument.name
        if name in sensor.ARGUMENTS and kind._is_sensor:
            continue
        if found.is_mapped:
            value, given = found.partial_kwargs.get(name), name in found.partial_kwargs
        else:
            value = getattr(found, name, None)
            given = name in found._init_kwargs or value != argument.default
        if not given or value is None or (name in _PYTHON and not value):
            continue
        if name == "op_args":
            value = list(value)
        place = (found.task_id, ("partial_kwargs." if found.is_mapped else "") + name)
        args[name] = to.value(value, place, python=name in _PYTHON)
    if kind._is_sensor:
        args.update(_sensor_args(found, to))
    return args


def _sensor_args(found: Any, to: Any) -> Any:
    args = {}
    defaults = {"poke_interval": 60, "timeout": sensor.DEFAULT_TIMEOUT, "mode": "poke"}
    for name in sensor.ARGUMENTS:
        value = found.partial_kwargs.get(name) if found.is_mapped else getattr(found, name, None)
        if value is not None and value != defaults.get(name, False):
            args[name] = to.value(value, (found.task_id, name))
    return args


def _looks_again(found: Any, cls: Any) -> bool:
    """Whether Go waits, and has poke called on a new object each time: for sensors that are
    rescheduled. In mode poke an object may keep what it has seen from one look to the next,
    so its process does the waiting, as in Airflow; and so it does if execute is an author's."""
    if not cls._is_sensor or cls.execute is not sensor.BaseSensorOperator.execute:
        return False
    if found.partial_kwargs.get("start_from_trigger", cls.start_from_trigger) if found.is_mapped else found.start_from_trigger:
        return False  # its trigger does the waiting
    return (found.partial_kwargs.get("mode") if found.is_mapped else found.mode) == "reschedule"


def _object_args(found: Any, cls: Any, to: Any) -> Any:
    is_sensor = _looks_again(found, cls)
    name = "poke" if is_sensor else "execute"
    args = {
        "class": "%s.%s" % (cls.__module__, cls.__qualname__),
        "kind": getattr(cls, "_updraft_kind", "sensor" if is_sensor else "operator"),
        "object": {values.TAG: "callable", **to._found((found.task_id, name))},
    }
    fields = {}
    if found.is_mapped:
        # The other arguments of its class are in the file, where it is unmapped.
        for field in cls.template_fields:
            if field in found.partial_kwargs:
                fields[field] = to.value(found.partial_kwargs[field], (found.task_id, "partial_kwargs." + field), python=True)
        args["template_fields"] = list(cls.template_fields)
    else:
        for field in found.template_fields:
            if hasattr(found, field):
                fields[field] = to.value(getattr(found, field), (found.task_id, field), python=True)
    args["fields"] = fields
    put(args, "template_ext", [cls.template_ext] if isinstance(cls.template_ext, str) else [str(e) for e in cls.template_ext])
    if is_sensor:
        args.update(_sensor_args(found, to))
    return args
