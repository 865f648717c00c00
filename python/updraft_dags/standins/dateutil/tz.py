"""dateutil.tz."""
from __future__ import annotations

import datetime as _dt
import zoneinfo as _zoneinfo
from typing import Any, Optional

UTC = _dt.timezone.utc


def tzutc() -> Any:
    """UTC."""
    return UTC


def tzlocal() -> Any:
    """The zone of this machine."""
    return _dt.datetime.now().astimezone().tzinfo


def gettz(name: Optional[str] = None) -> Any:
    """The zone of a name; None if there is none."""
    if not name:
        return tzlocal()
    try:
        return UTC if name.upper() in ("UTC", "GMT") else _zoneinfo.ZoneInfo(name)
    except (_zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def tzoffset(name: str, offset: Any) -> Any:
    """The zone of an offset, in seconds or as a timedelta."""
    span = offset if isinstance(offset, _dt.timedelta) else _dt.timedelta(seconds=offset)
    return _dt.timezone(span, name) if name else _dt.timezone(span)
