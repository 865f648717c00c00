"""pendulum's methods of dates that go beyond the arithmetic of times.py."""
from __future__ import annotations

import calendar
import datetime as _dt
from typing import Any

from updraft_runner import formats, spans


class Methods:
    """Formats, comparisons and steps for a datetime that has add, start_of and end_of."""

    def __sub__(self: Any, other: Any) -> Any:
        if isinstance(other, spans.Duration):
            return self._moved(other, -1)
        if isinstance(other, _dt.datetime):
            delta = _dt.datetime.__sub__(self, other)
            return spans.Interval(_dt.datetime.__sub__(self, delta), self) if delta is not NotImplemented else delta
        return _dt.datetime.__sub__(self, other)

    def __add__(self: Any, other: Any) -> Any:
        if isinstance(other, spans.Duration) and not isinstance(other, spans.Interval):
            return self._moved(other, 1)
        return _dt.datetime.__add__(self, other)

    __radd__ = __add__

    def _moved(self: Any, span: Any, sign: Any) -> Any:
        rest = span._rest()
        return self.add(years=sign * span.years, months=sign * span.months, days=sign * rest.days,
                        seconds=sign * rest.seconds, microseconds=sign * rest.microseconds)

    def diff(self: Any, dt: Any = None, abs: bool = True) -> Any:
        """The interval to another moment, or to now."""
        return spans.Interval(self, dt if dt is not None else self._now(), absolute=abs)

    def diff_for_humans(self: Any, other: Any = None, absolute: bool = False, locale: Any = None) -> Any:
        """The difference to another moment, or to now, in words."""
        del locale
        seconds = _dt.datetime.__sub__(self, other if other is not None else self._now()).total_seconds()
        return formats.difference(seconds, absolute, other is not None)

    def _now(self: Any) -> Any:
        return type(self).fromtimestamp(_dt.datetime.now(_dt.timezone.utc).timestamp(), self.tzinfo)

    def format(self: Any, fmt: Any, locale: Any = None) -> Any:
        """As YYYY-MM-DD HH:mm:ss says."""
        del locale
        return formats.write(self, fmt)

    def to_iso8601_string(self: Any) -> Any:
        """2024-02-29T06:00:00Z"""
        return self.isoformat().replace("+00:00", "Z")

    to_rfc3339_string = lambda self: self.isoformat()  # noqa: E731
    to_atom_string = to_w3c_string = to_rfc3339_string

    def to_formatted_date_string(self: Any) -> Any:
        """Feb 29, 2024"""
        return formats.write(self, "MMM DD, YYYY")

    def to_day_datetime_string(self: Any) -> Any:
        """Thu, Feb 29, 2024 6:00 AM"""
        return formats.write(self, "ddd, MMM D, YYYY h:mm A")

    def to_rfc2822_string(self: Any) -> Any:
        """Thu, 29 Feb 2024 06:00:00 +0000"""
        return formats.write(self, "ddd, DD MMM YYYY HH:mm:ss ZZ")

    to_rss_string = to_rfc822_string = to_rfc2822_string

    def to_cookie_string(self: Any) -> Any:
        """Thursday, 29-Feb-2024 06:00:00 UTC"""
        return formats.write(self, "dddd, DD-MMM-YYYY HH:mm:ss zz")

    def is_past(self: Any) -> bool:
        """Whether it is before now."""
        return self < self._now()

    def is_future(self: Any) -> bool:
        """Whether it is after now."""
        return self > self._now()

    def is_leap_year(self: Any) -> Any:
        """Whether the year has a 29th of February."""
        return calendar.isleap(self.year)

    def is_same_day(self: Any, dt: Any) -> bool:
        """Whether both have the same date."""
        return self.date() == dt.date()

    def is_birthday(self: Any, dt: Any = None) -> bool:
        """Whether both have the same month and day."""
        other = dt if dt is not None else self._now()
        return (self.month, self.day) == (other.month, other.day)

    def set(self: Any, **parts: Any) -> Any:
        """With other parts."""
        if "tz" in parts:
            parts["tzinfo"] = parts.pop("tz")
        return self.replace(**parts)

    def at(self: Any, hour: Any, minute: int = 0, second: int = 0, microsecond: int = 0) -> Any:
        """That day at another time."""
        return self.replace(hour=hour, minute=minute, second=second, microsecond=microsecond)

    def on(self: Any, year: Any, month: Any, day: Any) -> Any:
        """That time on another day."""
        return self.replace(year=year, month=month, day=day)

    def __repr__(self: Any) -> str:
        parts = [self.year, self.month, self.day, self.hour, self.minute, self.second]
        if self.microsecond:
            parts.append(self.microsecond)
        said = ", ".join(map(str, parts))
        return "DateTime(%s%s)" % (said, "" if self.tzinfo is None else ", tzinfo=%r" % (self.tzinfo,))

    def naive(self: Any) -> Any:
        """Without its zone."""
        return self.replace(tzinfo=None)

    def next(self: Any, day_of_week: Any = None, keep_time: bool = False) -> Any:
        """The next such day (0 is Monday), or the same day of next week."""
        return self._step(day_of_week, keep_time, 1)

    def previous(self: Any, day_of_week: Any = None, keep_time: bool = False) -> Any:
        """The last such day before."""
        return self._step(day_of_week, keep_time, -1)

    def _step(self: Any, day_of_week: Any, keep_time: Any, sign: Any) -> Any:
        at = self if keep_time else self.start_of("day")
        wanted = self.weekday() if day_of_week is None else int(day_of_week)
        at = at.add(days=sign)
        while at.weekday() != wanted:
            at = at.add(days=sign)
        return at

    def first_of(self: Any, unit: Any, day_of_week: Any = None) -> Any:
        """The first day (or weekday) of a month, quarter or year."""
        start = self.start_of(unit)
        return start if day_of_week is None or start.weekday() == int(day_of_week) else start.next(day_of_week)

    def last_of(self: Any, unit: Any, day_of_week: Any = None) -> Any:
        """The last day (or weekday) of a month, quarter or year."""
        end = self.end_of(unit).start_of("day")
        return end if day_of_week is None or end.weekday() == int(day_of_week) else end.previous(day_of_week)

    day_of_week = property(lambda self: self.weekday())
    week_of_year = property(lambda self: self.isocalendar()[1])
    week_of_month = property(lambda self: (self.day + self.replace(day=1).weekday() - 1) // 7 + 1)
    days_in_month = property(lambda self: calendar.monthrange(self.year, self.month)[1])
    timezone = property(lambda self: self.tzinfo)
    tz = timezone
    offset = property(lambda self: int(self.utcoffset().total_seconds()) if self.tzinfo else None)
    offset_hours = property(lambda self: self.offset / 3600 if self.tzinfo else None)
    age = property(lambda self: self.diff().in_years())

    def is_local(self: Any) -> bool:
        """Whether its offset is that of this machine."""
        return self.utcoffset() == self.astimezone().utcoffset()

    def is_utc(self: Any) -> bool:
        """Whether its offset is 0."""
        return self.offset == 0
