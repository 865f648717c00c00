"""Finds what a Callable names: an attribute of a DAG or task of a file that was loaded."""
from __future__ import annotations

from typing import Any

from updraft_dags import errors


def locate(dags: Any, dag_id: str, task_id: str, name: str) -> Any:
    """The object at name ("python_callable", "on_failure_callback.0", "op_kwargs.key") of a
    task, or of the DAG when task_id is empty. dags is what parse.load returns."""
    if dag_id not in dags:
        has = ", ".join(sorted(dags)) or "none"
        raise errors.AirflowNotFoundException("the file makes no DAG %r: it has %s" % (dag_id, has))
    found = dags[dag_id]
    if task_id:
        found = found.get_task(task_id)
    where = task_id or dag_id
    return _walk(found, name.split(".") if name else [], "%s of %s" % (name, where))


def _walk(value: Any, parts: list[str], what: str) -> Any:
    if not parts:
        return value
    if isinstance(value, dict):
        for end in range(len(parts), 0, -1):  # keys may have dots
            key = ".".join(parts[:end])
            for one in value:
                if str(one) == key:
                    return _walk(value[one], parts[end:], what)
        raise errors.AirflowNotFoundException("there is no %s" % what)
    first, rest = parts[0], parts[1:]
    if isinstance(value, (set, frozenset)):
        from updraft_dags.values import ordered
        value = ordered(value)
    if first.isdigit() and isinstance(value, (list, tuple)):
        if int(first) < len(value):
            return _walk(value[int(first)], rest, what)
    elif hasattr(value, first):
        return _walk(getattr(value, first), rest, what)
    raise errors.AirflowNotFoundException("there is no %s" % what)
