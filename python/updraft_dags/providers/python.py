"""Python callables."""
from __future__ import annotations

from typing import Any

from updraft_dags.operator import BaseOperator
from updraft_dags.providers.base import BaseBranchOperator, SkipMixin
from updraft_dags.providers.native import native
from updraft_dags.sensor import BaseSensorOperator
from updraft_runner import calls

_OPERATORS = "airflow.providers.standard.operators.python."


def _prepare(task: Any) -> None:
    if not callable(task.python_callable):
        raise TypeError("`python_callable` param must be callable")
    task.op_args = () if task.op_args is None else task.op_args
    task.op_kwargs = {} if task.op_kwargs is None else task.op_kwargs


def _call(task: Any, context: Any) -> Any:
    if task.templates_dict:
        context["templates_dict"] = task.templates_dict
    given = calls.arguments(task.python_callable, list(task.op_args), dict(task.op_kwargs), dict(context))
    task.op_kwargs = given
    return task.python_callable(*task.op_args, **given)


@native(_OPERATORS + "PythonOperator")
class PythonOperator(BaseOperator):
    """Calls python_callable; what it returns is the XCom."""

    ui_color = "#ffefeb"
    _ready = _prepare

    def determine_kwargs(self, context: Any) -> dict[str, Any]:
        """The keyword arguments of the call."""
        return calls.arguments(self.python_callable, list(self.op_args), dict(self.op_kwargs), dict(context))

    def execute(self, context: Any) -> Any:
        """Calls it."""
        if self.templates_dict:
            context["templates_dict"] = self.templates_dict
        self.op_kwargs = self.determine_kwargs(context)
        return self.execute_callable()

    def execute_callable(self) -> Any:
        """Calls it with what execute has found."""
        return self.python_callable(*self.op_args, **self.op_kwargs)


@native(_OPERATORS + "BranchPythonOperator")
class BranchPythonOperator(BaseBranchOperator, PythonOperator):
    """Follows the tasks whose ids the callable returns."""

    def choose_branch(self, context: Any) -> Any:
        """What the callable returns."""
        return PythonOperator.execute(self, context)


@native(_OPERATORS + "ShortCircuitOperator")
class ShortCircuitOperator(PythonOperator, SkipMixin):
    """Skips what follows unless the callable returns something true."""

    inherits_from_skipmixin = True
    _updraft_kind = "short_circuit"


@native("airflow.providers.standard.sensors.python.PythonSensor")
class PythonSensor(BaseSensorOperator):
    """Waits until the callable returns something true."""

    _ready = _prepare

    def poke(self, context: Any) -> Any:
        """What the callable returns."""
        return _call(self, context)
