"""Dates of authors: with and without time zones, of any library."""
from __future__ import annotations

import datetime
from typing import Any

from updraft_runner import times as runner_times

UTC = datetime.timezone.utc


def moment(value: Any, zone: Any = None) -> Any:
    """A date as an aware datetime: text is parsed; without a zone it is in zone, or UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        value = parse(value)
    elif not isinstance(value, datetime.datetime) and isinstance(value, datetime.date):
        value = datetime.datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime.datetime):
        raise TypeError("a date must be a datetime or ISO 8601 text, not %s" % type(value).__name__)
    if value.tzinfo is None or value.utcoffset() is None:
        value = value.replace(tzinfo=zone or UTC)
    return value


def parse(text: str) -> Any:
    """ISO 8601 in the forms people write; without an offset the result has no zone."""
    found = text.strip()
    if len(found) in (10, 7, 4):
        parts = [int(part) for part in found.split("-")]
        return datetime.datetime(*(parts + [1, 1])[:3])
    try:
        if found[-1:] in "Zz" or found[-6:-5] in "+-":
            return runner_times.parse(found)
        return datetime.datetime.fromisoformat(found)
    except ValueError:
        return datetime.datetime.fromisoformat(found.replace("Z", "+00:00"))


def zone_name(tz: Any) -> Any:
    """The name of a time zone as Go reads it: an IANA name, or an offset; "" is UTC."""
    if tz is None:
        return ""
    for attribute in ("key", "name", "zone", "_name"):
        name = getattr(tz, attribute, None)
        if isinstance(name, str) and name and not name.startswith(("+", "-")):
            return "UTC" if name.upper() in ("UTC", "Z") else name
    offset = tz.utcoffset(datetime.datetime(2000, 1, 1))
    return offset_name(offset) if offset else "UTC"


def offset_name(offset: datetime.timedelta) -> str:
    """+05:30, of a timedelta."""
    total = int(offset.total_seconds())
    sign, total = ("-", -total) if total < 0 else ("+", total)
    return "%s%02d:%02d" % (sign, total // 3600, total % 3600 // 60)


def zone(tz: Any) -> Any:
    """A tzinfo of a name or of a tzinfo."""
    if tz is None or isinstance(tz, datetime.tzinfo):
        return tz
    return runner_times.zone(str(tz))


def rfc3339(value: Any) -> Any:
    """A datetime as Go's time.Time reads it."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    text = datetime.datetime.isoformat(value)
    return text.replace("+00:00", "Z") if text.endswith("+00:00") else text[:-3] if text.count(":") > 3 else text


def nanoseconds(delta: Any) -> Any:
    """A timedelta, or seconds, in nanoseconds."""
    if not isinstance(delta, datetime.timedelta):
        delta = datetime.timedelta(seconds=delta)
    found = ((delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds) * 1000
    if abs(found) >= 1 << 63:
        raise ValueError("a duration of %d days is too long: at most 292 years" % delta.days)
    return found
