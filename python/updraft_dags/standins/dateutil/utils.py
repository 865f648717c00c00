"""dateutil.utils."""
from __future__ import annotations

import datetime as _dt
from typing import Any


def today(tzinfo: Any = None) -> Any:
    """Today at midnight."""
    return _dt.datetime.now(tzinfo).replace(hour=0, minute=0, second=0, microsecond=0)


def default_tzinfo(dt: Any, tzinfo: Any) -> Any:
    """The datetime, in the zone if it is naive."""
    return dt if dt.tzinfo is not None else dt.replace(tzinfo=tzinfo)


def within_delta(dt1: Any, dt2: Any, delta: Any) -> bool:
    """Whether the two are no further apart."""
    return abs(dt1 - dt2) <= abs(delta)
