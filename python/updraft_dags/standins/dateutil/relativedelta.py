"""dateutil.relativedelta: spans of years, months and days, and parts to be set."""
from __future__ import annotations

import calendar
import datetime as _dt
from typing import Any

_SPANS = ("years", "months", "days", "hours", "minutes", "seconds", "microseconds")
_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class weekday:  # noqa: N801  dateutil's name
    """A weekday, and which one of several: MO(+2)."""

    def __init__(self, number: int, n: Any = None) -> None:
        self.weekday, self.n = number, n

    def __call__(self, n: Any) -> Any:
        return weekday(self.weekday, n)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, weekday) and (self.weekday, self.n) == (other.weekday, other.n)

    def __hash__(self) -> Any:
        return hash((self.weekday, self.n))

    def __repr__(self) -> Any:
        name = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[self.weekday]
        return name if not self.n else "%s(%+d)" % (name, self.n)


MO, TU, WE, TH, FR, SA, SU = (weekday(n) for n in range(7))


class relativedelta:  # noqa: N801  dateutil's name
    """A span (plural names) and parts to be set (singular names), added to dates."""

    def __init__(self, dt1: Any = None, dt2: Any = None, years: int = 0, months: int = 0, days: int = 0, leapdays: int = 0, weeks: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0,
                 microseconds: int = 0, year: Any = None, month: Any = None, day: Any = None, weekday: Any = None, yearday: Any = None, nlyearday: Any = None, hour: Any = None,
                 minute: Any = None, second: Any = None, microsecond: Any = None) -> None:
        if yearday or nlyearday or leapdays:
            raise NotImplementedError("this stand-in of relativedelta has no yearday, nlyearday, leapdays: install python-dateutil")
        self.years, self.months, self.days = int(years), int(months), days + weeks * 7
        self.hours, self.minutes, self.seconds, self.microseconds = hours, minutes, seconds, microseconds
        self.leapdays = 0
        self.year, self.month, self.day, self.hour = year, month, day, hour
        self.minute, self.second, self.microsecond = minute, second, microsecond
        self.weekday = _weekday(weekday)
        if dt1 is not None and dt2 is not None:
            self._between(dt1, dt2)
        self._fix()

    def _between(self, dt1: Any, dt2: Any) -> None:
        months = (dt1.year - dt2.year) * 12 + dt1.month - dt2.month
        at = dt2 + relativedelta(months=months)
        while (dt1 < at) if months > 0 else (dt1 > at) if months < 0 else False:
            months += -1 if months > 0 else 1
            at = dt2 + relativedelta(months=months)
        rest = dt1 - at
        self.years, self.months = 0, months
        self.seconds, self.microseconds = rest.days * 86400 + rest.seconds, rest.microseconds

    def _fix(self) -> None:
        for low, high, size in (("microseconds", "seconds", 1000000), ("seconds", "minutes", 60), ("minutes", "hours", 60),
                                ("hours", "days", 24), ("months", "years", 12)):
            value = getattr(self, low)
            if abs(value) >= size:
                sign = -1 if value < 0 else 1
                whole, left = divmod(value * sign, size)
                setattr(self, low, left * sign)
                setattr(self, high, getattr(self, high) + whole * sign)

    def normalized(self) -> Any:
        """With whole numbers."""
        return relativedelta(**{name: int(getattr(self, name)) for name in _SPANS}, **self._parts())

    @property
    def weeks(self) -> int:
        """Whole weeks of the days."""
        return int(self.days / 7)

    def _parts(self) -> Any:
        found = {name: getattr(self, name) for name in _PARTS if getattr(self, name) is not None}
        if self.weekday is not None:
            found["weekday"] = self.weekday
        return found

    def __radd__(self, dt: Any) -> Any:
        if not isinstance(dt, _dt.date):
            return NotImplemented
        year = (self.year or dt.year) + self.years
        month = (self.month or dt.month) - 1 + self.months
        year, month = year + month // 12, month % 12 + 1
        parts = {"year": year, "month": month, "day": min(calendar.monthrange(year, month)[1], self.day or dt.day)}
        for name in ("hour", "minute", "second", "microsecond"):
            if getattr(self, name) is not None:
                parts[name] = getattr(self, name)
        moved = dt.replace(**parts) + _dt.timedelta(days=self.days, hours=self.hours, minutes=self.minutes,
                                                    seconds=self.seconds, microseconds=self.microseconds)
        return moved if self.weekday is None else moved + _dt.timedelta(days=self._to_weekday(moved))

    def _to_weekday(self, at: Any) -> Any:
        n = self.weekday.n or 1
        if n > 0:
            return (n - 1) * 7 + (7 - at.weekday() + self.weekday.weekday) % 7
        return -((-n - 1) * 7 + (at.weekday() - self.weekday.weekday) % 7)

    def __rsub__(self, dt: Any) -> Any:
        return self.__neg__().__radd__(dt)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, relativedelta):
            spans = {name: getattr(self, name) + getattr(other, name) for name in _SPANS}
            return relativedelta(**spans, **{**self._parts(), **other._parts()})
        if isinstance(other, _dt.timedelta):
            return self + relativedelta(days=other.days, seconds=other.seconds, microseconds=other.microseconds)
        return self.__radd__(other)

    def __sub__(self, other: Any) -> Any:
        return self + -other if isinstance(other, relativedelta) else NotImplemented

    def __neg__(self) -> Any:
        return relativedelta(**{name: -getattr(self, name) for name in _SPANS}, **self._parts())

    def __abs__(self) -> Any:
        return relativedelta(**{name: abs(getattr(self, name)) for name in _SPANS}, **self._parts())

    def __mul__(self, factor: Any) -> Any:
        return relativedelta(**{name: int(getattr(self, name) * factor) for name in _SPANS}, **self._parts())

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in _SPANS) or bool(self._parts())

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, relativedelta):
            return NotImplemented
        return self._key() == other._key()

    def _key(self) -> Any:
        return tuple(getattr(self, name) for name in _SPANS + _PARTS) + (self.weekday,)

    def __hash__(self) -> Any:
        return hash(self._key())

    def __repr__(self) -> str:
        said = ["%s=%+g" % (name, getattr(self, name)) for name in _SPANS if getattr(self, name)]
        return "relativedelta(%s)" % ", ".join(said + ["%s=%r" % part for part in self._parts().items()])


def _weekday(given: dict[str, Any]) -> Any:
    return (MO, TU, WE, TH, FR, SA, SU)[given] if isinstance(given, int) else given
