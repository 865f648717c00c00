"""Sensors: tasks that wait."""
from __future__ import annotations

import datetime
from typing import Any

from updraft_dags.operator import BaseOperator

DEFAULT_TIMEOUT = 7 * 24 * 3600
ARGUMENTS = ("poke_interval", "timeout", "soft_fail", "mode", "exponential_backoff", "max_wait", "silent_fail", "never_fail")


class PokeReturnValue:
    """What poke may return: whether it is done, and the value to push."""

    def __init__(self, is_done: bool, xcom_value: Any = None) -> None:
        self.is_done, self.xcom_value = is_done, xcom_value

    def __bool__(self) -> bool:
        return bool(self.is_done)


class BaseSensorOperator(BaseOperator):
    """A task whose poke(context) is called until it returns something true."""

    ui_color = "#e6f1f2"
    valid_modes = ("poke", "reschedule")
    _is_sensor = True

    def __init__(self, *, poke_interval: float = 60, timeout: Any = DEFAULT_TIMEOUT, soft_fail: bool = False,
                 mode: str = "poke", exponential_backoff: bool = False, max_wait: Any = None,
                 silent_fail: bool = False, never_fail: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.poke_interval = _seconds(poke_interval)
        self.timeout = _seconds(timeout)
        self.soft_fail, self.mode, self.exponential_backoff = soft_fail, mode, exponential_backoff
        self.max_wait = None if max_wait is None else _seconds(max_wait)
        self.silent_fail, self.never_fail = silent_fail, never_fail
        if soft_fail and never_fail:
            raise ValueError("soft_fail and never_fail are mutually exclusive, you can not provide both.")
        self._check()

    def _check(self) -> None:
        from updraft_dags.errors import AirflowException
        for name in ("poke_interval", "timeout"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or value < 0:
                raise ValueError("%s.%s.`%s` must be a non-negative number" % (self.dag_id, self.task_id, name))
        if self.mode not in self.valid_modes:
            raise AirflowException("The mode must be one of %s,'%s.%s'; received '%s'."
                                   % (list(self.valid_modes), self.dag_id, self.task_id, self.mode))

    def poke(self, context: Any) -> None:
        """Whether what it waits for is there."""
        raise NotImplementedError("Override me.")

    def execute(self, context: Any) -> Any:
        """Pokes until it is done, for authors who call it; sensors used as they are wait in Go."""
        from updraft_dags import waiting
        return waiting.wait(self, context)

    @property
    def reschedule(self) -> bool:
        """Whether it gives its slot back between pokes."""
        return self.mode == "reschedule"


def _seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, datetime.timedelta) else value


def poke_mode_only(cls) -> Any:
    """Makes a class of sensors that cannot be rescheduled."""
    def mode(self, value: Any) -> None:
        if value != "poke":
            raise ValueError("Cannot set mode to '%s'. Only 'poke' is acceptable" % value)
    cls.mode = property(lambda self: "poke", mode)
    return cls
