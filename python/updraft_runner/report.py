"""The log of an attempt, and how an exception becomes a result."""
from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from typing import Any

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FORMAT = "[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s"

# By the name of the class, not the class: a really installed Airflow has its own.
_OUTCOMES = {
    "AirflowSkipException": "skip", "AirflowFailException": "fail_no_retry",
    "AirflowRescheduleException": "reschedule", "AirflowSensorTimeout": "sensor_timeout",
    "AirflowTaskTimeout": "timeout", "AirflowTaskTerminated": "killed", "PermissionDenied": "denied",
}


class _Formatter(logging.Formatter):
    def formatTime(self, record: Any, datefmt: Any = None) -> str:
        local = time.localtime(record.created)
        return "%s.%03d%s" % (
            time.strftime("%Y-%m-%dT%H:%M:%S", local), record.msecs, time.strftime("%z", local))

    def formatException(self, ei: Any) -> Any:
        return text(ei[1])


def logging_to(stream: Any, level: str) -> None:
    """Sends all loggers to stream in Airflow's form."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(_FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(False)


def text(error: BaseException) -> Any:
    """The traceback without the frames of the runner."""
    found = traceback.TracebackException.from_exception(error)
    _trim(found, set())
    return "".join(found.format()).rstrip("\n")


def _trim(found: Any, seen: Any) -> None:
    if found is None or id(found) in seen:
        return
    seen.add(id(found))
    found.stack[:] = [frame for frame in found.stack if not _ours(frame.filename)]
    for inner in [found.__cause__, found.__context__] + list(getattr(found, "exceptions", None) or []):
        _trim(inner, seen)


def _ours(filename: str) -> bool:
    return filename.startswith((_HERE, "<frozen importlib"))


def outcome(error: BaseException) -> Any:
    """The outcome that an exception stands for."""
    for kind in type(error).__mro__:
        if kind.__name__ in _OUTCOMES:
            return _OUTCOMES[kind.__name__]
    return "fail"


def result(error: BaseException) -> Any:
    """The result frame of a callable that raised."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)
    frame = {
        "op": "result", "outcome": outcome(error), "err_type": _clean(name),
        "err_message": _clean(message(error)), "traceback": _clean(text(error)),
    }
    if isinstance(error, SystemExit):
        frame["exit_code"] = _exit_code(error.code)
    if frame["outcome"] == "reschedule":
        when = getattr(error, "reschedule_date", None)
        if hasattr(when, "astimezone"):
            frame["reschedule_at"] = when.astimezone().isoformat()
        else:
            frame["outcome"] = "fail"
            frame["err_message"] = "AirflowRescheduleException without a date: %r" % (when,)
    return frame


def _exit_code(code: Any) -> Any:
    """The exit code that an interpreter would make of SystemExit's argument."""
    if code is None:
        return 0
    return code & 0xff if isinstance(code, int) else 1


def message(error: BaseException) -> Any:
    """One text for an exception whose own may be empty or fail."""
    name = type(error).__name__
    if name == "TaskDeferred":
        return "Updraft has no triggerer: use the operator with deferrable=False"
    try:
        said = str(error)
    except Exception as broken:
        said = "(its text raised %s)" % type(broken).__name__
    if isinstance(error, SystemExit):
        return "the callable called sys.exit(%s)" % said
    return said


def log(error: BaseException, frame: dict[str, Any], logger: logging.Logger) -> None:
    """Writes to the log how the callable ended."""
    if frame["outcome"] == "skip":
        logger.info("Skipping the task: %s", frame["err_message"] or "no reason given")
    elif frame["outcome"] == "reschedule":
        logger.info("Rescheduling the task to %s", frame["reschedule_at"])
    else:
        logger.error("Task failed with exception\n%s", frame["traceback"])
        hint = _hint(error)
        if hint:
            logger.error(hint)


def _hint(error: BaseException) -> str:
    name = getattr(error, "name", None)
    module = sys.modules.get("airflow")
    if not isinstance(error, ImportError) or not str(name or "").startswith("airflow"):
        return ""
    if module is not None and not getattr(module, "__updraft__", False):
        return ""
    return ("Apache Airflow is not installed for %s; Updraft's stand-in has only what a running task "
            "needs most. Install apache-airflow or the provider package for this Python." % sys.executable)


def _clean(said: str) -> Any:
    """Text that UTF-8 can carry."""
    return said.encode("utf-8", "backslashreplace").decode("utf-8")
