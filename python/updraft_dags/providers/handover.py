"""Has Updraft do what an operator without a body in Python does: for authors who extend one
and call super(), or who call execute(context) of one that they make in a function."""
from __future__ import annotations

from typing import Any

from updraft_dags import values
from updraft_dags.errors import Unsupported
from updraft_runner import exceptions, objects, session, times, xcom

# What package task's errors are as exceptions.
_RAISED = {
    "skip": exceptions.AirflowSkipException, "fatal": exceptions.AirflowFailException,
    "timeout": exceptions.AirflowSensorTimeout, "fail": exceptions.AirflowException,
}


def execute(self: Any, context: Any) -> Any:
    """Does the whole of it, with the attributes as arguments; what it returns is the XCom."""
    return _asked(self, context, False).get("value")


def poke(self: Any, context: Any) -> Any:
    """Looks once."""
    found = _asked(self, context, True)
    if not found["done"] or found.get("value") is None:
        return found["done"]
    from updraft_dags.sensor import PokeReturnValue
    return PokeReturnValue(True, found["value"])


def choose_branch(self: Any, context: Any) -> Any:
    """Refused: Updraft decides and skips in one step."""
    raise Unsupported(
        "%s decides in Updraft itself and has no choose_branch to call from Python: use it as a task of its own, or choose "
        "with a BranchPythonOperator" % type(self).__name__)


def _asked(self: Any, context: Any, once: bool) -> dict[str, Any]:
    del context  # the attempt's: Go has it
    kind = next(c for c in type(self).__mro__ if "_updraft_operator" in c.__dict__)
    found = session.current().ask("operate", value={
        "class": kind._updraft_operator, "args": _arguments(self, kind._updraft_spec), "once": once})
    if found.get("outcome") == "reschedule":
        raise exceptions.AirflowRescheduleException(times.parse(found["at"]))
    if found.get("outcome"):
        raise _RAISED[found["outcome"]](found.get("reason", ""))
    if "value" in found:
        found["value"] = xcom.decode(found["value"], session.current().own_modules)
    return found


def _arguments(self: Any, spec: Any) -> dict[str, Any]:
    to = _Encoder(self)
    given = {a.name: getattr(self, a.name, None) for a in spec.arguments}
    return {name: to.value(value, (getattr(self, "task_id", ""), name)) for name, value in given.items() if value is not None}


class _Importable:
    """What an Encoder asks of a reading: any module is one that another process can import."""

    relative = ""

    @staticmethod
    def is_importable(module: str, file: Any) -> bool:
        """Whether the module has a name of its own: DAG files have not."""
        del file
        return not module.startswith("unusual_prefix_")


class _Encoder(values.Encoder):
    """Writes attributes. A function of the DAG's file, or an object that is no JSON, can only be
    named as what the file has made: an attribute of a task."""

    def __init__(self, task: Any) -> None:
        super().__init__(_Importable, "", "")
        self._task = task

    def literal(self, value: Any, place: tuple[str, str], python: bool) -> Any:
        """The value: templates are rendered already."""
        return self.value(value.value, place, python)

    def _found(self, place: tuple[str, str]) -> Any:
        file, task = objects.running(), None
        if file and self._task.dag is not None:
            task = objects.dags(file["file"], file["dag"], file["task"])[file["dag"]].task_dict.get(place[0])
        if task is not self._task:  # made in a function, or mapped
            raise Unsupported(
                "argument %s of %s is no plain value: an operator that runs in Updraft itself can take functions and objects of "
                "the DAG file only if it is a task of its own, and not mapped" % (place[1], type(self._task).__name__))
        return {"file": file["file"], "dag": file["dag"], "task": place[0], "name": place[1]}
