"""Dates of a context: datetime with the methods of pendulum people use.

pendulum itself is not imported (it may be missing, and costs more than a
whole task); what is not here is asked of it when it is installed.
"""
from __future__ import annotations

import datetime as _dt
import re
from typing import Any

from updraft_runner import moments

UTC = _dt.timezone.utc

_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z|z|[+-]\d\d:?\d\d)?$")
# Years; a century begins with its year 1.
_LONG = {"decade": 10, "century": 100}
_UNITS = ("year", "month", "day", "hour", "minute", "second")


class DateTime(moments.Methods, _dt.datetime):
    """An aware datetime that prints as a datetime does."""

    def add(self, years: int = 0, months: int = 0, weeks: int = 0, days: int = 0, hours: int = 0, minutes: int = 0,
            seconds: int = 0, microseconds: int = 0) -> Any:
        """A later time; a day that the month lacks becomes its last."""
        month = self.month - 1 + months + 12 * years
        year, month = self.year + month // 12, month % 12 + 1
        moved = self.replace(year=year, month=month, day=min(self.day, _days(year, month)))
        return moved + _dt.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes,
                                     seconds=seconds, microseconds=microseconds)

    def subtract(self, **parts: Any) -> Any:
        """An earlier time; the arguments are those of add."""
        return self.add(**{name: -amount for name, amount in parts.items()})

    def start_of(self, unit: Any) -> Any:
        """The first instant of the year, month, week, day, hour, minute or second."""
        if unit == "week":
            return self.start_of("day") - _dt.timedelta(days=self.weekday())
        if unit in _LONG:
            return self.start_of("year").replace(year=max(self.year - self.year % _LONG[unit] + _LONG[unit] // 100, 1))
        if unit == "quarter":
            return self.start_of("month").replace(month=self.month - (self.month - 1) % 3)
        if unit not in _UNITS:
            raise ValueError("unknown unit %r: use week, quarter or one of %s" % (unit, ", ".join(_UNITS)))
        lower = _UNITS[_UNITS.index(unit) + 1:]
        return self.replace(microsecond=0, **{u: 1 if u in ("month", "day") else 0 for u in lower})

    def end_of(self, unit: Any) -> Any:
        """The last microsecond of what start_of names."""
        start = self.start_of(unit)
        step = {"years": _LONG[unit]} if unit in _LONG else {"months": 3} if unit == "quarter" else {unit + "s": 1}
        return start.add(**step) - _dt.timedelta(microseconds=1)

    def in_timezone(self, tz: Any) -> Any:
        """The same instant elsewhere; tz is a tzinfo or a zone's name."""
        if isinstance(tz, str):
            tz = zone(tz)
        return of(self.astimezone(tz))

    in_tz = in_timezone

    def to_date_string(self) -> str:
        """2024-02-29"""
        return self.strftime("%Y-%m-%d")

    def to_time_string(self) -> str:
        """06:00:00"""
        return self.strftime("%H:%M:%S")

    def to_datetime_string(self) -> str:
        """2024-02-29 06:00:00"""
        return self.strftime("%Y-%m-%d %H:%M:%S")

    @property
    def int_timestamp(self) -> int:
        """Whole seconds since 1970."""
        return int(self.timestamp())

    @property
    def float_timestamp(self) -> Any:
        """Seconds since 1970."""
        return self.timestamp()

    @property
    def timezone_name(self) -> Any:
        """The zone's name, as UTC or Asia/Seoul."""
        return getattr(self.tzinfo, "key", None) or self.tzname()

    @property
    def day_of_year(self) -> Any:
        """1 to 366."""
        return self.timetuple().tm_yday

    @property
    def quarter(self) -> Any:
        """1 to 4."""
        return (self.month + 2) // 3

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            try:
                import pendulum
            except ImportError:
                pendulum = None
            if pendulum is not None and not getattr(pendulum, "__updraft__", False):
                return getattr(pendulum.instance(self), name)
        raise AttributeError(
            "this date has no %r: it is a datetime with some of pendulum's methods; "
            "install pendulum for all of them" % name)


def _days(year: Any, month: Any) -> Any:
    after = _dt.date(year + month // 12, month % 12 + 1, 1)
    return (after - _dt.timedelta(days=1)).day


def of(moment: Any) -> Any:
    """The DateTime of a datetime."""
    return DateTime(moment.year, moment.month, moment.day, moment.hour, moment.minute,
                    moment.second, moment.microsecond, moment.tzinfo, fold=moment.fold)


def zone(name: str) -> Any:
    """The tzinfo of UTC or of a name of the tz database."""
    if name in ("UTC", "utc", "Z"):
        return UTC
    import zoneinfo
    return zoneinfo.ZoneInfo(name)


def parse(text: str) -> Any:
    """An RFC 3339 text as a DateTime; without an offset it is UTC."""
    found = _TEXT.match(text)
    if not found:
        raise ValueError("%r is no date and time such as 2024-02-29T06:00:00Z" % text)
    parts = [int(part) for part in found.groups()[:6]]
    micro = int((found.group(7) or "0").ljust(6, "0")[:6])
    offset = found.group(8)
    tz = UTC
    if offset and offset not in "Zz":
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        if minutes:
            tz = _dt.timezone(_dt.timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    return DateTime(*(parts + [micro, tz]))
