"""airflow.sdk.timezone: dates that know their zone."""
from __future__ import annotations

import datetime as _dt
from typing import Any, Optional

from updraft_runner import times

utc = times.UTC
initial = times.of(_dt.datetime(1970, 1, 1, tzinfo=utc))


def utcnow() -> times.DateTime:
    """Now, in UTC."""
    return times.of(_dt.datetime.now(utc))


def datetime(*args: Any, **kwargs: Any) -> times.DateTime:
    """A datetime that is aware: UTC unless tzinfo says otherwise."""
    if len(args) < 8:
        kwargs.setdefault("tzinfo", utc)
    return times.DateTime(*args, **kwargs)


def parse(string: str, timezone: Any = None, *, strict: bool = False) -> Any:
    """The date and time of a text in ISO form."""
    del strict
    found = times.of(_dt.datetime.fromisoformat(string.replace("Z", "+00:00").replace("z", "+00:00")))
    return found if found.tzinfo else make_aware(found, timezone)


def is_localized(value: _dt.datetime) -> bool:
    """Whether the datetime is aware."""
    return value.utcoffset() is not None


def is_naive(value: _dt.datetime) -> bool:
    """Whether the datetime is not aware."""
    return value.utcoffset() is None


def make_aware(value: Optional[_dt.datetime], timezone: Any = None) -> Any:
    """The naive datetime as one of the zone, UTC by default."""
    if value is None:
        return None
    if is_localized(value):
        raise ValueError("make_aware expects a naive datetime, got %s" % value)
    return times.of(value.replace(tzinfo=parse_timezone(timezone or utc)))


def make_naive(value: _dt.datetime, timezone: Any = None) -> _dt.datetime:
    """The datetime as the clocks of the zone show it."""
    if is_naive(value):
        raise ValueError("make_naive() cannot be applied to a naive datetime")
    return value.astimezone(parse_timezone(timezone or utc)).replace(tzinfo=None)


def convert_to_utc(value: Optional[_dt.datetime]) -> Any:
    """The datetime in UTC; a naive one is taken as UTC."""
    if value is None:
        return None
    return make_aware(value) if is_naive(value) else times.of(value.astimezone(utc))


def coerce_datetime(v: Optional[_dt.datetime], tz: Any = None) -> Any:
    """The datetime as one with pendulum's methods."""
    if v is None:
        return None
    found = make_aware(v, tz) if is_naive(v) else times.of(v)
    return found if tz is None else found.in_timezone(tz)


def parse_timezone(name: Any) -> Any:
    """The zone of a name, or of seconds."""
    if isinstance(name, int):
        return _dt.timezone(_dt.timedelta(seconds=name))
    return times.zone(name) if isinstance(name, str) else name


def local_timezone() -> Any:
    """The zone of this machine."""
    return _dt.datetime.now().astimezone().tzinfo


def from_timestamp(timestamp: float, tz: Any = utc) -> times.DateTime:
    """The moment of a Unix time."""
    return times.of(_dt.datetime.fromtimestamp(timestamp, parse_timezone(tz)))


def td_format(td_object: Any) -> Optional[str]:
    """A time span as 1d:2h:3M:4s."""
    if td_object is None:
        return None
    seconds = int(td_object.total_seconds() if isinstance(td_object, _dt.timedelta) else td_object)
    if seconds < 1:
        return "<1s"
    parts = []
    for unit, size in (("y", 31536000), ("m", 2592000), ("d", 86400), ("h", 3600), ("M", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append("%d%s" % (count, unit))
    return ":".join(parts)
