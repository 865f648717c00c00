"""What a new task or group belongs to: the DAG, group and setup context being open."""
from __future__ import annotations

from typing import Any, NamedTuple, Optional


class AirflowParsingContext(NamedTuple):
    """The DAG and the task that a file is read for; None when it is read for all of them."""

    dag_id: Optional[str]
    task_id: Optional[str]


def get_parsing_context() -> AirflowParsingContext:
    """What the file is read for: files that make many DAGs make only that one then."""
    return _wanted


_wanted = AirflowParsingContext(None, None)


def read_for(dag_id: Optional[str], task_id: Optional[str]) -> None:
    """Notes what the file is about to be read for."""
    global _wanted
    _wanted = AirflowParsingContext(dag_id or None, task_id or None)


class Scope:
    """The stacks of one reading."""

    def __init__(self) -> None:
        self.dags = []
        self.groups = []
        self.works = []
        self.assets = []
        # DAGs that a file makes without keeping them in a variable, in order.
        self.registered = {}

    def dag(self) -> Any:
        """The DAG of the innermost `with`, or None."""
        return self.dags[-1] if self.dags else None

    def group(self, dag: Any) -> Any:
        """The group of the innermost `with`, or the root group of dag."""
        if self.groups:
            return self.groups[-1]
        return dag.task_group if dag is not None else None


_current = Scope()


def current() -> Any:
    """The scope of the file being read."""
    return _current


def use(scope: Any) -> Any:
    """Makes scope the current one."""
    global _current
    _current = scope
    return scope
