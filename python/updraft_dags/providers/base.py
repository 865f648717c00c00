"""What branching operators have in common."""
from __future__ import annotations

from typing import Any, Iterable, Union

from updraft_dags.operator import BaseOperator

Ids = Union[None, str, Iterable[str]]


class SkipMixin:
    """Skipping from within a task."""

    def skip(self, *_: Any, **__: Any) -> None:
        """Not from within a task: Updraft's scheduler skips."""
        raise NotImplementedError(
            "a task cannot skip others by itself here: return the ids to follow from a branch "
            "(BaseBranchOperator.choose_branch, @task.branch), or use a short circuit")

    skip_all_except = skip


class BaseBranchOperator(BaseOperator, SkipMixin):
    """Follows only the tasks that choose_branch(context) names."""

    inherits_from_skipmixin = True
    # How Updraft reads what execute returns.
    _updraft_kind = "branch"

    def choose_branch(self, context: Any) -> Ids:
        """The ids to follow: one, several, or None for none."""
        raise NotImplementedError

    def execute(self, context: Any) -> Ids:
        """The ids to follow."""
        return self.do_branch(context, self.choose_branch(context))

    def do_branch(self, context: Any, branches_to_execute: Ids) -> Ids:
        """The ids to follow, which Updraft does when they are returned."""
        del context
        self.log.info("Branch into %s", branches_to_execute)
        return branches_to_execute


# Airflow has the class twice, one for each generation of the provider.
StandardBranchOperator = type(BaseBranchOperator)("BaseBranchOperator", (BaseBranchOperator,), {
    "__doc__": BaseBranchOperator.__doc__, "__module__": "airflow.providers.standard.operators.branch"})
