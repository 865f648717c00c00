"""What Go says of something, as an object."""
from __future__ import annotations

import datetime
from typing import Any

from updraft_runner import times

_DATES = frozenset((
    "logical_date", "execution_date", "next_execution_date", "prev_execution_date", "data_interval_start", "data_interval_end", "run_after",
    "start_date", "end_date", "queued_at", "queued_dttm", "partition_date", "timestamp",
))
_SECONDS = frozenset(("dagrun_timeout", "execution_timeout", "retry_delay"))


def value(name: str, raw: Any) -> Any:
    """The Python value of something of this name: dates and lengths of time are told by it."""
    if name in _DATES and isinstance(raw, str):
        return times.parse(raw)
    if name in _SECONDS and isinstance(raw, (int, float)):
        return datetime.timedelta(seconds=raw)
    return raw


class Record:
    """Something of the run, with the attributes that Go sent."""

    def __init__(self, fields: dict[str, Any]) -> None:
        for name, raw in fields.items():
            setattr(self, name, value(name, raw))

    def __getattr__(self, name: str) -> Any:
        behind = self.__dict__.get("_behind")
        if behind is None or name.startswith("__"):
            raise AttributeError("%r object has no attribute %r" % (type(self).__name__, name))
        return getattr(behind, name)

    def stand_before(self, behind: Any) -> None:
        """Lets an object of the author's file answer for what Go did not send."""
        self._behind = behind

    def __repr__(self) -> str:
        ids = [repr(getattr(self, n)) for n in ("dag_id", "task_id", "run_id") if hasattr(self, n)]
        return "<%s %s>" % (type(self).__name__, " ".join(ids))
