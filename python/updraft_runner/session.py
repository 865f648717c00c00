"""What an attempt asks of Go while it runs: XCom, variables, connections."""
from __future__ import annotations

import os
import socket
import threading
from typing import Any, Optional

from updraft_runner import exceptions, frames, xcom

NOTSET = type("NotSet", (), {"__repr__": lambda self: "NOTSET", "__bool__": lambda self: False})()


class NotFound(KeyError):
    """Go says there is no such thing."""


class Session:
    """One attempt's end of its socket. Threads of the attempt may share it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.contexts: list[dict[str, Any]] = []
        self.own_modules: set[str] = set()

    def ask(self, op: str, **fields: Any) -> Any:
        """Sends a question and returns the answer's value."""
        if os.getpid() != self.pid:
            raise RuntimeError(
                "%s was called in a process that the task forked: call it in the task's own "
                "process and hand the value over" % op)
        fields["op"] = op
        return self.ask_raw(frames.dumps(fields), op)

    def ask_raw(self, body: Any, op: str) -> Any:
        with self.lock:
            frames.send(self.sock, body)
            answer = frames.receive(self.sock)
        if answer is None:
            raise ConnectionError("%s: the worker has gone" % op)
        error = answer.get("error")
        if error is None:
            return answer.get("value")
        if answer.get("not_found"):
            raise NotFound(error)
        if answer.get("denied"):
            raise exceptions.PermissionDenied(error)
        raise exceptions.AirflowRuntimeError(error)

    def tell(self, body: Any) -> None:
        """Sends a frame that has no answer."""
        with self.lock:
            frames.send(self.sock, body)

    def xcom_push(self, key: str, value: Any) -> None:
        if not isinstance(key, str) or not key:
            raise TypeError("an XCom's key is text that is not empty, not %r" % (key,))
        body = frames.dumps(xcom.encode(value, key))
        head = frames.dumps({"op": "xcom_push", "key": key})
        if os.getpid() != self.pid:
            self.ask("xcom_push")
        self.ask_raw(head[:-1] + b',"value":' + body + b"}", "xcom_push")

    def render(self, value: Any) -> Any:
        """The value with its templates rendered, as an argument of the task."""
        body = frames.dumps(xcom.encode(value, "the template"))
        found = self.ask_raw(b'{"op":"render","value":' + body + b"}", "render")
        return xcom.decode(found, self.own_modules)

    def xcom_pull(self, **query: Any) -> list[Any]:
        found = self.ask("xcom_pull", **query) or []
        return [(x["task_id"], x["map_index"], xcom.decode(x["value"], self.own_modules)) for x in found]


_current: Optional[Session] = None


def current() -> Any:
    """The session of this process; an error outside of a task."""
    if _current is None:
        raise RuntimeError("this works only inside of a running Updraft task")
    return _current


def running() -> bool:
    """Whether there is somebody to ask."""
    return _current is not None


def use(session: Any) -> None:
    """Makes session the one that current returns."""
    global _current
    _current = session


def get_current_context() -> Any:
    """The context of the task that is running."""
    if _current is None or not _current.contexts:
        raise RuntimeError("there is no current context: call it while a task runs, not at import")
    return _current.contexts[-1]
