"""Callbacks, notifiers and deadlines as JSON."""
from __future__ import annotations

from typing import Any, Optional

from updraft_dags import callbacks, errors, times
from updraft_dags.encode_common import put
from updraft_runner import signatures


def called(found: Any, to: Any, place: tuple[str, str]) -> Optional[list[Any]]:
    """Callbacks: one or a list of functions and notifiers."""
    if not found:
        return None
    if not isinstance(found, (list, tuple)):
        return [_callback(found, to, place)]
    return [_callback(one, to, (place[0], "%s.%d" % (place[1], i))) for i, one in enumerate(found)]


def _callback(one: Any, to: Any, place: tuple[str, str]) -> Any:
    if isinstance(one, callbacks.Callback):
        function = one.callback_callable
        place = (place[0], place[1] + ".callback_callable")
        named = {"path": function} if isinstance(function, str) else to.named(function, place)
        out = {"kind": "python", "callable": named}
        put(out, "args", to.value(one.kwargs, place))
        return out
    if isinstance(one, callbacks.BaseNotifier) and type(one).__module__.startswith("airflow."):
        args, kwargs = one._made_with
        named = dict(zip(list(signatures.of(type(one)).parameters), args), **kwargs)
        return {"kind": "python", "callable": {"path": "%s.%s" % (type(one).__module__, type(one).__qualname__)},
                "notifier": True, "args": to.value(named, place)}
    return {"kind": "python", "callable": to.named(one, place)}


def deadlines(found: Any, to: Any) -> Any:
    """DeadlineAlerts: one or a list."""
    if not found:
        return None
    many = isinstance(found, (list, tuple))
    out = []
    for i, one in enumerate(found if many else [found]):
        if not isinstance(one, callbacks.DeadlineAlert):
            raise errors.SerializationError("deadline is a %s: use DeadlineAlert" % type(one).__name__)
        place = ("", "deadline.%d.callback" % i if many else "deadline.callback")
        entry = {"reference": one.reference.kind, "interval": times.nanoseconds(one.interval),
                 "callback": called(one.callback, to, place)}
        put(entry, "name", one.name)
        put(entry, "at", one.reference.at and times.rfc3339(times.moment(one.reference.at)))
        put(entry, "limit", one.reference.limit)
        put(entry, "min_runs", one.reference.min_runs)
        out.append(entry)
    return out
