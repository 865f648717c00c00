"""Errors of authoring, under Airflow's names: a file may catch them, people look them up."""
from __future__ import annotations

from typing import Any

from updraft_runner.exceptions import (  # noqa: F401  re-exported beside our own
    AirflowException,
    AirflowNotFoundException,
    ParamValidationError,
    TaskNotFound,
)


class DuplicateTaskIdFound(AirflowException):
    """Two tasks or groups of a DAG have the same id."""

    __module__ = "airflow.sdk.exceptions"


class TaskAlreadyInTaskGroup(AirflowException):
    """A task cannot be in two groups."""

    __module__ = "airflow.sdk.exceptions"

    def __init__(self, task_id: str, existing: Any, new: Any) -> None:
        super().__init__(task_id, new)
        self.task_id, self.existing, self.new = task_id, existing, new

    def __str__(self) -> str:
        where = "the DAG's root group" if self.existing is None else "group %r" % self.existing
        return "cannot add %r to %r (already in %s)" % (self.task_id, self.new, where)


class FailFastDagInvalidTriggerRule(AirflowException):
    """A DAG that ends with the first failure has no use for other trigger rules."""

    __module__ = "airflow.sdk.exceptions"

    def __str__(self) -> str:
        return "A 'fail_fast' dag can only have all_success trigger rule"


class AirflowDagCycleException(AirflowException):
    """The tasks of a DAG wait for each other."""

    __module__ = "builtins"  # recorded without a module


class AirflowTimetableInvalid(AirflowException):
    """A schedule that makes no sense."""

    __module__ = "builtins"


class AirflowDagDuplicatedIdException(AirflowException):
    """Two DAGs of one file have the same id."""

    __module__ = "builtins"


class SerializationError(AirflowException):
    """A DAG that cannot be written down."""

    __module__ = "airflow.exceptions"


class Unsupported(AirflowException):
    """Something of Airflow that Updraft does not have; the message says what to do."""

    __module__ = "updraft"
