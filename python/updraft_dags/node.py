"""Arrows: what tasks, groups and XComArgs have in common."""
from __future__ import annotations

from typing import Any

class Dependencies:
    """The operators >> and << and their methods.

    A subclass says which tasks an arrow enters (roots) and leaves (leaves), and what it
    means to be put before or after something (set_upstream, set_downstream).
    """

    def __lshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return other

    def __rshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:
        self.__lshift__(other)
        return self

    def __rlshift__(self, other: Any) -> Any:
        self.__rshift__(other)
        return self

    def update_relative(self, other: Any, upstream: bool = True, edge_modifier: Any = None) -> None:
        """Told when an arrow to or from other is drawn; labels listen."""


def as_list(nodes: Any) -> list[Any]:
    """One node or several, as a list; nested lists are not arrows."""
    if isinstance(nodes, (list, tuple, set, frozenset)) or _is_iterator(nodes):
        return list(nodes)
    return [nodes]


def _is_iterator(nodes: Any) -> Any:
    return hasattr(nodes, "__next__") and not isinstance(nodes, Dependencies)


def connect(node: Any, others: Any, upstream: bool, edge_modifier: Any = None) -> None:
    """Draws arrows between one task and others: before it if upstream is set."""
    tasks = []
    for other in as_list(others):
        if not isinstance(other, Dependencies):
            raise TypeError("Relationships can only be set between Operators; received %s"
                            % type(other).__name__)
        other.update_relative(node, not upstream, edge_modifier=edge_modifier)
        tasks.extend(other.leaves if upstream else other.roots)
    dag = _common_dag(node, tasks)
    for task in tasks:
        if dag is not None:
            for member in (task, node):
                if member.dag is None:
                    member.dag = dag
        first, second = (task, node) if upstream else (node, task)
        first.downstream_task_ids[second.task_id] = None
        second.upstream_task_ids[first.task_id] = None
        if edge_modifier is not None and edge_modifier.label and dag is not None:
            dag.set_edge_info(first.task_id, second.task_id, {"label": edge_modifier.label})


def _common_dag(node: Any, tasks: list[Any]) -> Any:
    dags = {id(t.dag): t.dag for t in [node] + tasks if t.dag is not None}
    if len(dags) > 1:
        found = [t.dag for t in [node] + tasks]
        raise RuntimeError("Tried to set relationships between tasks in more than one Dag: %s" % found)
    if not dags:
        raise ValueError("Tried to create relationships between tasks that don't have Dags yet. "
                         "Set the Dag for at least one task and try again: %s" % ([node] + tasks))
    return next(iter(dags.values()))
