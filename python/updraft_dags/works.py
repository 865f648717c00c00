"""`with setup >> teardown:` what is made inside runs between the two."""
from __future__ import annotations

from typing import Any

from updraft_dags import scope


class Work:
    """One open `with`."""

    def __init__(self, setups: Any, teardowns: Any) -> None:
        self.setups = setups
        self.teardowns = teardowns
        self.tasks = []


def enter(tasks: list[Any]) -> None:
    """Opens a context for setups or for teardowns, whose other half is found by arrows."""
    if tasks[0].is_teardown:
        teardowns = tasks
        setups = _unique(u for t in tasks for u in t.upstream_list if u.is_setup)
    else:
        setups = tasks
        teardowns = _unique(d for t in tasks for d in t.downstream_list if d.is_teardown)
    scope.current().works.append(Work(setups, teardowns))


def leave() -> None:
    """Closes the innermost context and draws its arrows."""
    works = scope.current().works
    work = works.pop()
    if works:
        works[-1].tasks.extend(work.tasks)
    ends = {id(t) for t in work.setups + work.teardowns}
    tasks = [t for t in work.tasks if id(t) not in ends and t.dag is not None]
    if not tasks:
        return
    first = [t for t in tasks if not t.upstream_task_ids] or tasks[:1]
    last = [t for t in tasks if not t.downstream_task_ids] or tasks[-1:]
    for setup in work.setups:
        setup >> first
    for teardown in work.teardowns:
        last >> teardown


def _unique(tasks: list[Any]) -> list[Any]:
    return list({id(t): t for t in tasks}.values())
