"""Functions that run in containers: their source as a script, and their results."""
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

from updraft_runner.exceptions import AirflowException

SERIALIZERS = ("pickle", "cloudpickle", "dill")

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
        {leave}
"""

# How the result is left, by format.
_LEAVE = {"pickle": "%s.dump(_value, _file%s)", "json": "import json; _file.write(json.dumps(_value).encode())"}


def check_function(task: Any) -> None:
    """Completes and checks what an operator is given about its function."""
    if not callable(task.python_callable):
        raise TypeError("`python_callable` param must be callable")
    task.serializer = task.serializer or "pickle"
    if task.serializer not in SERIALIZERS:
        raise AirflowException("Unsupported serializer %r. Expected one of %s" % (
            task.serializer, ", ".join(map(repr, SERIALIZERS))))
    task.op_args = () if task.op_args is None else task.op_args
    task.op_kwargs = {} if task.op_kwargs is None else task.op_kwargs


def make(function: Callable[..., Any], args: Any, kwargs: Any, serializer: str, leave: str = "pickle") -> dict[str, str]:
    """The source of what calls the function and leaves its result, and its pickled arguments, both in base64."""
    if inspect.ismethod(function) or function.__name__ == "<lambda>":
        raise AirflowException("the source of a function is run in the container: %s is none with a name" % function.__qualname__)
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise AirflowException("the source of %s cannot be found, which is run in the container" % function.__qualname__) from None
    source = _undecorated(source)
    left = _LEAVE[leave] % ((serializer, ", 4" if serializer == "pickle" else "") if leave == "pickle" else ())
    text = _SCRIPT.format(library=serializer, source=source, name=function.__name__, leave=left)
    given = _dumps({"args": list(args), "kwargs": dict(kwargs)}, serializer)
    return {"source": base64.b64encode(text.encode()).decode(), "arguments": base64.b64encode(given).decode()}


def _undecorated(source: str) -> str:
    """The source without what makes a task of the function."""
    lines = source.splitlines(keepends=True)
    for one in getattr(ast.parse(source).body[0], "decorator_list", ()):
        if any(part in ("task", "docker_task", "kubernetes_task", "setup", "teardown") for part in ast.unparse(one).split("(")[0].split(".")):
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
