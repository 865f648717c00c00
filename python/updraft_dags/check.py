"""What Airflow refuses once a file has been read: cycles, schedules, params."""
from __future__ import annotations

from typing import Any

from updraft_dags import encode_schedule, errors
from updraft_dags.timetables import ContinuousTimetable
from updraft_runner.session import NOTSET


def check(dag: Any) -> None:
    """Raises for a DAG that cannot be used."""
    encode_schedule.schedule(dag.schedule, "UTC")
    _cycle(dag)
    _params(dag)
    continuous = dag.schedule == "@continuous" or isinstance(dag.schedule, ContinuousTimetable)
    if continuous and dag.max_active_runs > 1:
        raise ValueError("Invalid max_active_runs: ContinuousTimetable requires max_active_runs <= 1")
    for owner, link in dag.owner_links.items():
        if not isinstance(link, str) or ":" not in link:
            raise errors.AirflowException("Wrong link format was used for the owner. Use a valid link \n"
                                          "Bad formatted links are: {%r: %r}" % (owner, link))


def _params(dag: Any) -> None:
    if dag.schedule is None or dag.schedule is NOTSET:
        return
    try:
        dag.params.validate()
    except errors.ParamValidationError as error:
        raise ValueError("Dag %r is not allowed to define a Schedule, as there are required params without default values, "
                         "or the default values are not valid." % dag.dag_id) from error


def _cycle(dag: Any) -> None:
    """Depth first from the roots in order, as Airflow does: its message names the task by
    which the search came back to one that it is still below."""
    done, open_ = set(), set()
    tasks = dag.task_dict
    for start in list(tasks):
        stack = [(start, iter(sorted(tasks[start].downstream_task_ids)))] if start not in done else []
        open_.update(n for n, _ in stack)
        while stack:
            here, rest = stack[-1]
            for child in rest:
                if child in open_:
                    raise errors.AirflowDagCycleException("Cycle detected in Dag: %s. Faulty task: %s" % (dag.dag_id, here))
                if child not in done and child in tasks:
                    open_.add(child)
                    stack.append((child, iter(sorted(tasks[child].downstream_task_ids))))
                    break
            else:
                open_.discard(here)
                done.add(here)
                stack.pop()


def in_order(dag: Any) -> Any:
    """The tasks of a DAG, each after those it depends on."""
    waiting = {name: {u for u in task.upstream_task_ids if u in dag.task_dict} for name, task in dag.task_dict.items()}
    out = []
    while waiting:
        ready = [name for name, up in waiting.items() if not up]
        if not ready:
            raise errors.AirflowDagCycleException("A cyclic dependency occurred in dag: %s" % dag.dag_id)
        for name in ready:
            del waiting[name]
            out.append(dag.task_dict[name])
        for up in waiting.values():
            up.difference_update(ready)
    return out
