"""Containers of a Docker engine: the operator, and @task.docker."""
from __future__ import annotations

from typing import Any

from updraft_dags.decorators import task
from updraft_dags.operator import BaseOperator
from updraft_dags.providers import handover
from updraft_dags.providers.native import native
from updraft_dags.providers.script import check_function

_DOCKER = "airflow.providers.docker."
_REMOVE = {True: "success", False: "never"}


@native(_DOCKER + "operators.docker.DockerOperator")
class DockerOperator(BaseOperator):
    """Runs a command in a container; its last line of output is the XCom."""

    execute = handover.execute

    def _ready(self) -> None:
        self.auto_remove = _REMOVE.get(self.auto_remove, self.auto_remove)
        if self.auto_remove not in _REMOVE.values() and self.auto_remove != "force":
            raise ValueError("Invalid `auto_remove` value %r, expected one of 'never', 'success', or 'force'." % (self.auto_remove,))
        if self.port_bindings and self.network_mode == "host":
            raise ValueError("Port bindings is not supported in the host network mode")


@native(_DOCKER + "decorators.docker._DockerDecoratedOperator")
class _DockerDecoratedOperator(BaseOperator):
    """Calls a function in a container."""

    execute = handover.execute

    def _ready(self) -> None:
        check_function(self)


def docker_task(python_callable: Any = None, multiple_outputs: Any = None, **kwargs: Any) -> Any:
    """@task.docker by its own name."""
    return task.docker(python_callable, multiple_outputs, **kwargs)
