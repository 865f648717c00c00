"""Notifiers, deadlines and their callbacks."""
from __future__ import annotations

import datetime
from typing import Any, Optional

from updraft_runner import session


class BaseNotifier:
    """A callback that is an object: notify(context) is called with templates rendered."""

    template_fields = ()
    template_ext = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        made._made_with = (args, kwargs)
        return made

    def __init__(self, **kwargs: Any) -> None:
        del kwargs

    def notify(self, context: Any) -> None:
        """Sends the notification."""
        raise NotImplementedError()

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Renders the template fields that hold anything."""
        del context, jinja_env
        for name in self.template_fields:
            value = getattr(self, name, None)
            if value:
                setattr(self, name, session.current().render(value))

    def __call__(self, *args: Any) -> Any:
        """Called with the context, as a function is."""
        return self.notify(args[0] if args else {})

    @property
    def log(self) -> Any:
        """A logger."""
        import logging
        return logging.getLogger("airflow.task.notifier")


class DeadlineReference:
    """From when a deadline counts."""

    class _Of:
        def __init__(self, kind: str, at: Any = None, limit: int = 0, min_runs: int = 0) -> None:
            self.kind, self.at, self.limit, self.min_runs = kind, at, limit, min_runs

    DAGRUN_LOGICAL_DATE = _Of("logical_date")
    DAGRUN_QUEUED_AT = _Of("queued_at")

    @classmethod
    def FIXED_DATETIME(cls, moment: Any) -> Any:  # noqa: N802  Airflow's name
        """A moment."""
        return cls._Of("fixed_datetime", at=moment)

    @classmethod
    def AVERAGE_RUNTIME(cls, max_runs: int = 0, min_runs: int = 0) -> Any:  # noqa: N802  Airflow's name
        """The average runtime of the latest runs."""
        return cls._Of("average_runtime", limit=max_runs or 0, min_runs=min_runs or 0)


class DeadlineAlert:
    """Callbacks for runs that have not succeeded interval after reference."""

    def __init__(self, reference: Any, interval: Any, callback: Any, name: Optional[str] = None, **_: Any) -> None:
        if not isinstance(interval, datetime.timedelta):
            raise ValueError("interval must be a timedelta, not %s" % type(interval).__name__)
        self.reference, self.interval, self.name = reference, interval, name
        self.callback = callback


class Callback:
    """A function (or its import path) and keyword arguments for it."""

    def __init__(self, callback_callable: Any, kwargs: Optional[dict[str, Any]] = None, **_: Any) -> None:
        self.callback_callable, self.kwargs = callback_callable, dict(kwargs or {})


class AsyncCallback(Callback):
    """Airflow runs it in the triggerer."""


class SyncCallback(Callback):
    """Airflow runs it in an executor."""
