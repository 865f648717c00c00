"""One attempt: from the descriptors it was given to the result it sends."""
from __future__ import annotations

import atexit
import faulthandler
import importlib
import inspect
import io
import logging
import os
import signal
import socket
import sys
import time
from typing import Any, Optional

from updraft_runner import assets, calls, context, exceptions, frames, kept, objects, report, secrets, session, xcom

CHANNEL = 3
_LOG = logging.getLogger("airflow.task")


def forked(channel: int, output: int, argv: Optional[list[str]], env: Optional[dict[str, str]], bare: bool) -> None:
    """In a new fork of the parent: takes the descriptors, runs, ends the process."""
    for target in (1, 2):
        os.dup2(output, target)
    os.close(output)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if argv:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        execute(channel, argv, env, bare)
    else:
        os.set_inheritable(channel, False)
        attempt(socket.socket(fileno=channel))
    os._exit(0)


def execute(channel: int, argv: list[str], env: Optional[dict[str, str]], bare: bool = False) -> None:
    """Becomes another interpreter; says so in a result when that fails."""
    try:
        if channel != CHANNEL:
            os.dup2(channel, CHANNEL)
        os.set_inheritable(CHANNEL, True)
        full = dict({} if bare else os.environ, **(env or {}))
        if argv[0] != sys.executable:
            full.pop("PYTHONHOME", None)  # it names the library of this Python
        os.execve(argv[0], argv, full)
    except OSError as error:
        sock = socket.socket(fileno=channel)
        frames.receive(sock)
        said = "cannot run %s: %s; set the task's python to a Python 3.9 or newer" % (argv[0], error.strerror)
        frames.send(sock, {"op": "result", "outcome": "fail", "err_type": type(error).__name__,
                           "err_message": said, "traceback": said})


def executed(fd: int) -> None:
    """In a fresh interpreter: as forked, without the fork."""
    os.set_inheritable(fd, False)
    attempt(socket.socket(fileno=fd))
    _leave()


def rehearse() -> None:
    """Runs an attempt that does nothing, in a process that has none yet: pages of memory that
    it shares with its parent are copied when they are first written to, and Python writes to
    whatever it looks at. The attempt that comes finds everything set up anew."""
    here, there = socket.socketpair()
    with here, there:
        frames.send(there, _NOTHING)
        call = frames.receive(here) or {}
        ours = session.Session(here)
        session.use(ours)
        _streams()
        _outcome(call, ours)
    # As it was: not before the attempt has its own handler.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


_NOW = "2026-01-01T00:00:00.000001Z"
_NOTHING = {
    "callable": {"path": __name__ + ".nothing"}, "mode": "task", "args": [1], "hide_value": True, "log_level": "INFO",
    "context": {
        "dag": {"dag_id": "d", "start_date": _NOW, "params": {}, "tags": []},
        "dag_run": {"dag_id": "d", "run_id": "r", "logical_date": _NOW, "data_interval_start": _NOW, "data_interval_end": _NOW,
                    "run_after": _NOW, "start_date": _NOW, "conf": {}},
        "task": {"dag_id": "d", "task_id": "t", "task_type": "PythonOperator", "retry_delay": 300},
        "ti": {"dag_id": "d", "task_id": "t", "run_id": "r", "start_date": _NOW, "map_index": -1, "try_number": 1},
        "inlets": [], "outlets": [], "params": {}, "triggering_asset_events": [],
    },
}


def nothing(*_: Any, **__: Any) -> str:
    """The callable of rehearse."""
    return "done"


def attempt(sock: socket.socket) -> None:
    """Reads the call, runs it, sends the result."""
    call = frames.receive(sock)
    if call is None:
        return
    here = session.Session(sock)
    session.use(here)
    try:
        _streams()
        body = _outcome(call, here)
    except BaseException as error:  # whatever it is, Go must hear of it
        body = _failed(error)
    if os.getpid() != here.pid:
        os._exit(0)  # a fork made by the callable that came back through here
    _flush()
    try:
        here.tell(body)
    except frames.TooLarge as error:
        here.tell(frames.dumps(report.result(error)))
    except OSError:
        pass  # nobody is left to hear it
    atexit._run_exitfuncs()
    _flush()


def _outcome(call: dict[str, Any], here: session.Session) -> Any:
    try:
        _prepare(call)
        return _run(call, here)
    finally:
        # From here on nothing is raised into us: a late SIGTERM just ends.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        here.contexts.clear()


def _failed(error: BaseException) -> Any:
    frame = report.result(error)
    try:
        report.log(error, frame, _LOG)
    except Exception:
        pass  # a broken log must not turn a known failure into an unknown one
    return frames.dumps(frame)


def _streams() -> None:
    """Text streams over the new descriptors; nothing of the parent's buffers."""
    for fd, name in ((1, "stdout"), (2, "stderr")):
        raw = io.open(fd, "wb", closefd=False)
        stream = io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)
    faulthandler.enable(sys.stderr)


def _prepare(call: dict[str, Any]) -> None:
    report.logging_to(sys.stdout, call.get("log_level") or "INFO")
    env = call.get("env") or {}
    os.environ.update(env)
    if "TZ" in env:
        time.tzset()
    secrets.note_environment()
    paths = (env.get("PYTHONPATH") or "").split(os.pathsep) if "PYTHONPATH" in env else []
    paths = [p for p in (call.get("path") or []) + paths if p]
    sys.path[:0] = [p for p in paths if p not in sys.path]
    importlib.invalidate_caches()
    if call.get("dir"):
        os.chdir(call["dir"])
    if call.get("memory_limit"):
        _limit(call["memory_limit"])
    signal.signal(signal.SIGTERM, _terminated)
    if call.get("timeout"):
        signal.signal(signal.SIGALRM, _timeout)
        signal.setitimer(signal.ITIMER_REAL, call["timeout"])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def _limit(size: int) -> None:
    import resource
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    resource.setrlimit(kind, (size, hard))


def _raise(name: str, said: str) -> None:
    """The class that the user's code would catch: Airflow's if it is there."""
    module = sys.modules.get("airflow.exceptions")
    kind = getattr(module, name, None) or getattr(exceptions, name)
    raise kind(said)


def _timeout(_number: Any, _frame: Any) -> None:
    _raise("AirflowTaskTimeout", "Timeout, PID: %d" % os.getpid())


def _terminated(_number: Any, _frame: Any) -> None:
    # Once: a second one must end the process even while this one is handled.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _raise("AirflowTaskTerminated", "the task was told to end (SIGTERM)")


def _run(call: dict[str, Any], here: session.Session) -> Any:
    if call.get("parse"):
        from updraft_runner import parsing
        return parsing.answer(call["parse"])
    kept.use(call.get("sources"))
    given = context.build(call.get("context"))
    if call.get("templates_dict") is not None:
        given["templates_dict"] = xcom.decode(call["templates_dict"])
    here.contexts.append(given)
    mode = call.get("mode") or "task"
    # First: values that are read below may be of classes that it defines.
    method = call.get("attributes") is not None
    function = (objects.Method if method else calls.load)(call["callable"], here.own_modules)
    if call["callable"].get("dag"):
        objects.stand_behind(given, call["callable"])
    if call.get("globals"):
        getattr(inspect.unwrap(function), "__globals__", {}).update(xcom.decode(call["globals"], here.own_modules))
    args = [xcom.decode(a, here.own_modules) for a in call.get("args") or []]
    kwargs = {k: xcom.decode(v, here.own_modules) for k, v in (call.get("kwargs") or {}).items()}
    if call.get("responses") is not None:
        found = [calls.Response(r) for r in call["responses"]]
        args.insert(0, found if call.get("paged") else found[0])
    if method:
        attributes = {k: xcom.decode(v, here.own_modules) for k, v in call["attributes"].items()}
        value = function(given, attributes, kwargs)
    elif mode == "callback":
        value = _callback(function, given, kwargs)
    else:
        given.setdefault("templates_dict", None)
        if not call.get("no_context"):
            kwargs = calls.arguments(function, args, kwargs, given)
        value = function(*args, **kwargs)
    if inspect.iscoroutine(value):
        import asyncio
        value = asyncio.run(value)
    if mode == "task":
        value = assets.finished(value, given["outlet_events"])
    return _value(value, mode, call, here, given["outlet_events"].said())


def _callback(function: Any, given: dict[str, Any], kwargs: dict[str, Any]) -> Any:
    """A callback takes the context; a notifier class is made first."""
    if isinstance(function, type):
        function, kwargs = function(**kwargs), {}
    if not hasattr(function, "notify"):
        return function(given, **kwargs)
    if hasattr(function, "_made_with"):  # our BaseNotifier; Airflow's own is left alone
        function.render_template_fields(given)
    return function.notify(given)


def _value(value: Any, mode: str, call: dict[str, Any], here: session.Session, said: str) -> Any:
    frame: dict[str, Any] = {"op": "result", "outcome": "success"}
    if said:
        frame["assets"] = said
    if mode == "callback":
        return frames.dumps(frame)
    if mode == "check":
        frame["done"] = bool(value)
        poke = hasattr(value, "is_done") and hasattr(value, "xcom_value")
        value = value.xcom_value if poke else None
    elif not call.get("hide_value"):
        _note("Done. Returned value was: %s", value)
    if call.get("multiple_outputs") and value is not None:
        _each_output(value, here)
    try:
        body = frames.dumps(xcom.encode(value, "return_value"))
    except xcom.NotStorable:
        if not call.get("optional_value"):
            raise
        return frames.dumps(frame)
    return frames.dumps(frame)[:-1] + b',"value":' + body + b"}"


def _note(said: str, value: Any) -> None:
    """A line in the log, unless the callable closed or broke it."""
    try:
        _LOG.info(said, value)
    except Exception:
        pass


def _each_output(value: Any, here: session.Session) -> None:
    if not isinstance(value, dict):
        raise TypeError("multiple_outputs needs a dict, but the callable returned a %s" % type(value).__name__)
    for key in value:
        if not isinstance(key, str):
            raise TypeError("multiple_outputs needs text as keys, but %r is a %s" % (key, type(key).__name__))
    for key, part in value.items():
        here.xcom_push(key, part)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed or replaced by the callable


def _leave() -> None:
    """Ends a fresh interpreter without waiting for threads left behind."""
    _flush()
    os._exit(0)
