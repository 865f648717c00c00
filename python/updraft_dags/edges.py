"""Arrows between many: chain, chain_linear, cross_downstream, and labels on them."""
from __future__ import annotations

from typing import Any, Optional

from updraft_dags.node import Dependencies, as_list


class EdgeModifier(Dependencies):
    """A label between two sides of an arrow: a >> Label("yes") >> b."""

    def __init__(self, label: Optional[str] = None) -> None:
        self.label = label
        self._upstream = []
        self._downstream = []

    @property
    def roots(self) -> Any:
        """What an arrow to the label enters."""
        return self._downstream

    @property
    def leaves(self) -> Any:
        """What an arrow from the label leaves."""
        return self._upstream

    def _side(self, nodes: Any) -> Any:
        out = []
        for node in as_list(nodes):
            if not isinstance(node, Dependencies):
                raise TypeError("Cannot use edge labels with %s, only tasks, XComArg or TaskGroups"
                                % type(node).__name__)
            out.append(node)
        return out

    def _draw(self) -> None:
        for one in self._upstream:
            for other in self._downstream:
                one.set_downstream(other, edge_modifier=self)

    def set_upstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is before the label."""
        del edge_modifier
        self._upstream.extend(self._side(task_or_task_list))
        if self._downstream:
            self._draw()

    def set_downstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is after it."""
        del edge_modifier
        self._downstream.extend(self._side(task_or_task_list))
        if self._upstream:
            self._draw()

    def update_relative(self, other: Any, upstream: bool = True, edge_modifier: Any = None) -> None:
        """An arrow drawn by the other side: it waits for this label's second half."""
        del edge_modifier
        if upstream:
            if other not in self._upstream:
                self._upstream.append(other)
            if self._downstream:
                self._draw()
        else:
            if other not in self._downstream:
                self._downstream.append(other)
            if self._upstream:
                self._draw()




def Label(label: Optional[str]) -> Any:  # noqa: N802  Airflow's name
    """A label for the arrow it is put in."""
    return EdgeModifier(label=label)


def chain(*tasks: Any) -> None:
    """Draws arrows from each to the next; two lists of one length are joined in pairs."""
    for up, down in zip(tasks, tasks[1:]):
        if isinstance(up, Dependencies):
            up.set_downstream(down)
            continue
        if isinstance(down, Dependencies):
            down.set_upstream(up)
            continue
        ups, downs = _list(up), _list(down)
        if len(ups) != len(downs):
            raise ValueError("Chain not supported for different length Iterable. Got %d and %d."
                             % (len(ups), len(downs)))
        for one, other in zip(ups, downs):
            one.set_downstream(other)


def _list(nodes: Any) -> list[Any]:
    if isinstance(nodes, (list, tuple)):
        return list(nodes)
    raise TypeError("Chain not supported between instances of %s and %s" % (type(nodes), type(nodes)))


def chain_linear(*elements: Any) -> None:
    """Draws arrows from each to the next; all of a list precede all of the next."""
    if not elements:
        raise ValueError("No tasks provided; nothing to do.")
    previous, drawn = None, False
    for element in elements:
        current = as_list(element)
        if previous is not None:
            for task in current:
                task.set_upstream(previous)
                drawn = True
        previous = current
    if not drawn:
        raise ValueError("No dependencies were set. Did you forget to expand with `*`?")


def cross_downstream(from_tasks: Any, to_tasks: Any) -> None:
    """Draws arrows from all of the first to all of the second."""
    for task in as_list(from_tasks):
        task.set_downstream(to_tasks)
