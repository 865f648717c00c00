"""Spans of time with pendulum's methods: durations, and intervals between moments."""
from __future__ import annotations

import datetime as _dt
from typing import Any, Iterator


class Duration(_dt.timedelta):
    """A timedelta that also knows years and months."""

    _years: int
    _months: int

    def __new__(cls, days: int = 0, seconds: int = 0, microseconds: int = 0, milliseconds: int = 0, minutes: int = 0,
                hours: int = 0, weeks: int = 0, years: int = 0, months: int = 0) -> Any:
        made = super().__new__(cls, days + years * 365 + months * 30, seconds, microseconds, milliseconds, minutes, hours, weeks)
        made._years, made._months = years, months
        return made

    years = property(lambda self: self._years)
    months = property(lambda self: self._months)

    def _rest(self) -> Any:
        """The timedelta without years and months."""
        return _dt.timedelta(_dt.timedelta.days.__get__(self) - self._years * 365 - self._months * 30, self.seconds, self.microseconds)

    @property
    def weeks(self) -> Any:
        """Whole weeks."""
        return abs(self._rest().days) // 7 * (-1 if self._rest().days < 0 else 1)

    @property
    def hours(self) -> Any:
        """Hours of the last day."""
        return self.seconds // 3600

    @property
    def minutes(self) -> Any:
        """Minutes of the last hour."""
        return self.seconds % 3600 // 60

    @property
    def remaining_days(self) -> Any:
        """Days of the last week."""
        return abs(self._rest().days) % 7

    @property
    def remaining_seconds(self) -> Any:
        """Seconds of the last minute."""
        return self.seconds % 60

    def total_weeks(self) -> Any:
        """In weeks."""
        return self.total_days() / 7

    def total_days(self) -> Any:
        """In days."""
        return self.total_seconds() / 86400

    def total_hours(self) -> Any:
        """In hours."""
        return self.total_seconds() / 3600

    def total_minutes(self) -> Any:
        """In minutes."""
        return self.total_seconds() / 60

    def in_weeks(self) -> int:
        """Whole weeks."""
        return int(self.total_weeks())

    def in_days(self) -> int:
        """Whole days."""
        return int(self.total_days())

    def in_hours(self) -> int:
        """Whole hours."""
        return int(self.total_hours())

    def in_minutes(self) -> int:
        """Whole minutes."""
        return int(self.total_minutes())

    def in_seconds(self) -> int:
        """Whole seconds."""
        return int(self.total_seconds())

    def as_timedelta(self) -> Any:
        """A plain timedelta."""
        return _dt.timedelta(seconds=self.total_seconds())

    def in_words(self, locale: Any = None, separator: str = " ") -> Any:
        """1 day 2 hours"""
        del locale
        rest = abs(self._rest())
        parts = [("year", self._years), ("month", self._months), ("week", rest.days // 7), ("day", rest.days % 7),
                 ("hour", rest.seconds // 3600), ("minute", rest.seconds % 3600 // 60), ("second", rest.seconds % 60)]
        said = ["%d %s%s" % (n, unit, "" if abs(n) == 1 else "s") for unit, n in parts if n]
        return separator.join(said) or "%s seconds" % (rest.microseconds / 1e6 if rest.microseconds else 0)

    def __str__(self) -> Any:
        return self.in_words()

    def __repr__(self) -> str:
        rest = self._rest()
        parts = [("years", self._years), ("months", self._months), ("weeks", self.weeks), ("days", self.remaining_days),
                 ("hours", rest.seconds // 3600), ("minutes", rest.seconds % 3600 // 60), ("seconds", rest.seconds % 60),
                 ("microseconds", rest.microseconds)]
        return "%s(%s)" % (type(self).__name__, ", ".join("%s=%d" % p for p in parts if p[1]))

    def _of(self, delta: Any, years: int = 0, months: int = 0) -> Any:
        return Duration(days=delta.days, seconds=delta.seconds, microseconds=delta.microseconds, years=years, months=months)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, _dt.datetime) or not isinstance(other, _dt.timedelta):
            return NotImplemented
        years, months = getattr(other, "_years", 0), getattr(other, "_months", 0)
        rest = other._rest() if isinstance(other, Duration) else other
        return self._of(self._rest() + rest, self._years + years, self._months + months)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return self._of(-self._rest(), -self._years, -self._months)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return self._of(self._rest() * other, int(self._years * other), int(self._months * other))

    __rmul__ = __mul__

    __hash__ = _dt.timedelta.__hash__

    def __reduce__(self) -> Any:
        rest = self._rest()
        return (Duration, (rest.days, rest.seconds, rest.microseconds, 0, 0, 0, 0, self._years, self._months))


class Interval(Duration):
    """The time between two moments, which it remembers."""

    start: Any
    end: Any

    def __new__(cls, start: Any, end: Any, absolute: bool = False) -> Any:
        if absolute and end < start:
            start, end = end, start
        delta = _dt.datetime.__sub__(end, start) if isinstance(end, _dt.datetime) else end - start
        made = super().__new__(cls, days=delta.days, seconds=delta.seconds, microseconds=delta.microseconds)
        made.start, made.end = start, end
        made._years, made._months = 0, 0
        return made

    def in_months(self) -> Any:
        """Whole months."""
        first, last = sorted((self.start, self.end))
        months = (last.year - first.year) * 12 + last.month - first.month
        if (last.day, last.timetuple()[3:6]) < (first.day, first.timetuple()[3:6]):
            months -= 1
        return months if self.start <= self.end else -months

    def in_years(self) -> Any:
        """Whole years."""
        months = self.in_months()
        return abs(months) // 12 * (1 if months >= 0 else -1)

    def range(self, unit: Any, amount: int = 1) -> Iterator[Any]:
        """The moments from start to end, a unit apart."""
        at, count = self.start, 0
        while at <= self.end:
            yield at
            count += amount
            at = self.start.add(**{unit: count})

    def __contains__(self, item: Any) -> bool:
        return self.start <= item <= self.end

    def __iter__(self) -> Any:
        return self.range("days")

    def __reduce__(self) -> Any:
        return (Interval, (self.start, self.end))

    def __repr__(self) -> str:
        return "<Interval [%s -> %s]>" % (self.start, self.end)

    __hash__ = _dt.timedelta.__hash__
