"""DAGs as the JSON of Go's dag.DAG (see dag/dag.go): what dag.Decode reads."""
from __future__ import annotations

from typing import Any, Iterator

from updraft_dags import encode_callback, encode_mapping, encode_schedule, encode_task, errors, mode, times, values
from updraft_dags.encode_common import doc, params, put
from updraft_dags.groups import TaskGroup


def dag(found: Any, reading: Any, module: str) -> Any:
    """One DAG, of the reading of its file; module is the name the file was executed under."""
    to = values.Encoder(reading, module, found.dag_id, bool(found.render_template_as_native_obj))
    zone = times.zone_name(found.timezone)
    out = {
        "dag_id": found.dag_id, "schedule": encode_schedule.schedule(found.schedule, zone),
        "max_active_runs": int(found.max_active_runs), "max_active_tasks": int(found.max_active_tasks),
        "tasks": [_task(one, to) for one in found.tasks],
    }
    if found.dag_display_name != found.dag_id:
        out["dag_display_name"] = found.dag_display_name
    put(out, "description", found.description)
    put(out, "doc_md", doc(found.doc_md, found.fileloc))
    put(out, "tags", sorted(str(t) for t in found.tags))
    put(out, "start_date", found.start_date and times.rfc3339(found.start_date))
    put(out, "end_date", found.end_date and times.rfc3339(found.end_date))
    put(out, "timezone", "" if zone == "UTC" else zone)
    put(out, "catchup", catchup(found))
    put(out, "max_consecutive_failed_dag_runs", int(found.max_consecutive_failed_dag_runs))
    put(out, "dagrun_timeout", found.dagrun_timeout and times.nanoseconds(found.dagrun_timeout))
    put(out, "fail_fast", bool(found.fail_fast))
    if found.is_paused_upon_creation is not None:
        out["is_paused_upon_creation"] = bool(found.is_paused_upon_creation)
    put(out, "params", params(found.params, to, ("", "params"), own=True))
    put(out, "access_control", _access(found.access_control))
    put(out, "template_searchpath", [str(p) for p in found.template_searchpath or ()])
    put(out, "render_template_as_native_obj", bool(found.render_template_as_native_obj))
    for name in ("user_defined_macros", "user_defined_filters"):
        put(out, name, to.value(dict(getattr(found, name) or {}), ("", name)))
    for name in ("on_success_callback", "on_failure_callback"):
        put(out, name, encode_callback.called(getattr(found, name), to, ("", name)))
    put(out, "deadline", encode_callback.deadlines(found.deadline, to))
    put(out, "groups", [group(g, to) for g in _groups(found.task_group)])
    return out


def _task(found: Any, to: values.Encoder) -> dict[str, Any]:
    try:
        return encode_task.task(found, to)
    except (TypeError, ValueError, AttributeError) as error:
        raise errors.SerializationError("Failed to serialize DAG %r: task %r: %s" % (to.dag_id, found.task_id, error)) from error


def catchup(found: Any) -> bool:
    """Whether a DAG catches up: its author's word, or the default of the meaning."""
    if found.catchup is not None:
        return bool(found.catchup)
    here = mode.current()
    return bool(here.option("catchup_by_default", here.meaning == 2))


def _access(found: Any) -> Any:
    if not found:
        return None
    out = {}
    for role, rights in found.items():
        if isinstance(rights, dict):  # resource name -> rights
            rights = rights.get("DAGs") or [r for one in rights.values() for r in one]
        out[str(role)] = sorted(str(r) for r in rights)
    return out


def _groups(root: Any) -> Iterator[Any]:
    for child in root.children.values():
        if isinstance(child, TaskGroup):
            yield child
            yield from _groups(child)


def group(found: Any, to: Any) -> Any:
    """A task group."""
    out = {"group_id": found.group_id}
    if found.parent_group is not None and not found.parent_group.is_root:
        out["parent"] = found.parent_group.group_id
    put(out, "no_prefix", not found.prefix_group_id)
    put(out, "display_name", found.group_display_name)
    put(out, "tooltip", found.tooltip)
    if found.is_mapped:
        out["expand"] = encode_mapping.mapping(found.mapping, to, ("", ""), "")
    return out
