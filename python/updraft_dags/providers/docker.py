"""Containers: the operator, and the functions that @task.docker sends to one."""
from __future__ import annotations

import ast
import base64
import datetime
import importlib
import inspect
import io
import pickle
import textwrap
from typing import Any, Callable

from updraft_dags.decorators import task
from updraft_dags.operator import BaseOperator
from updraft_dags.providers import handover
from updraft_dags.providers.native import native
from updraft_runner.exceptions import AirflowException

_DOCKER = "airflow.providers.docker."
_SERIALIZERS = ("pickle", "cloudpickle", "dill")
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
        if not callable(self.python_callable):
            raise TypeError("`python_callable` param must be callable")
        self.serializer = self.serializer or "pickle"
        if self.serializer not in _SERIALIZERS:
            raise AirflowException("Unsupported serializer %r. Expected one of %s" % (
                self.serializer, ", ".join(map(repr, _SERIALIZERS))))
        self.op_args = () if self.op_args is None else self.op_args
        self.op_kwargs = {} if self.op_kwargs is None else self.op_kwargs


def docker_task(python_callable: Any = None, multiple_outputs: Any = None, **kwargs: Any) -> Any:
    """@task.docker by its own name."""
    return task.docker(python_callable, multiple_outputs, **kwargs)


# What the container runs. It knows nothing of Updraft, and of Python what all versions since 3.7 have.
_SCRIPT = """\
from __future__ import annotations
import sys
import {library}

with open(sys.argv[1], "rb") as _file:
    _given = {library}.load(_file)

{source}

_value = {name}(*_given["args"], **_given["kwargs"])
with open(sys.argv[2], "wb") as _file:
    if _value is not None:
        {library}.dump(_value, _file{protocol})
"""


def script(function: Callable[..., Any], args: Any, kwargs: Any, serializer: str) -> dict[str, str]:
    """The source of what calls the function, and its pickled arguments, both in base64."""
    if inspect.ismethod(function) or function.__name__ == "<lambda>":
        raise AirflowException("@task.docker runs the source of a function: %s is none with a name" % function.__qualname__)
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise AirflowException("the source of %s cannot be found, which @task.docker runs" % function.__qualname__) from None
    source = _undecorated(source)
    text = _SCRIPT.format(library=serializer, source=source, name=function.__name__,
                          protocol=", 4" if serializer == "pickle" else "")
    given = _dumps({"args": list(args), "kwargs": dict(kwargs)}, serializer)
    return {"source": base64.b64encode(text.encode()).decode(), "arguments": base64.b64encode(given).decode()}


def _undecorated(source: str) -> str:
    """The source without what makes a task of the function."""
    lines = source.splitlines(keepends=True)
    for one in getattr(ast.parse(source).body[0], "decorator_list", ()):
        if any(part in ("task", "docker_task", "setup", "teardown") for part in ast.unparse(one).split("(")[0].split(".")):
            lines[one.lineno - 1:one.end_lineno] = [""] * (one.end_lineno - one.lineno + 1)
    return "".join(lines)


def result(data: str, serializer: str = "pickle") -> Any:
    """The object that a container has left."""
    return _library(serializer).loads(base64.b64decode(data))


def _library(serializer: str) -> Any:
    try:
        return importlib.import_module(serializer)
    except ImportError:
        raise AirflowException("the serializer %s needs a package: pip install %s for the Python of the workers, or leave it out" % (
            serializer, serializer)) from None


def _dumps(value: Any, serializer: str) -> bytes:
    if serializer != "pickle":
        return _library(serializer).dumps(value)
    into = io.BytesIO()
    _Pickler(into, 4).dump(value)
    return into.getvalue()


class _Pickler(pickle.Pickler):
    """Writes times as those of the standard library: the image need not have pendulum."""

    def reducer_override(self, obj: Any) -> Any:
        """Another form for times of other libraries."""
        if isinstance(obj, datetime.datetime) and type(obj) is not datetime.datetime:
            offset = obj.utcoffset()
            zone = None if offset is None else datetime.timezone(offset)
            return datetime.datetime, (obj.year, obj.month, obj.day, obj.hour, obj.minute, obj.second, obj.microsecond, zone)
        if isinstance(obj, datetime.timedelta) and type(obj) is not datetime.timedelta:
            return datetime.timedelta, (obj.days, obj.seconds, obj.microseconds)
        return NotImplemented
