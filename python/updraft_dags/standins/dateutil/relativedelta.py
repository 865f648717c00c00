"""dateutil.relativedelta: spans of years, months and days, and parts to be set."""
import calendar
import datetime as _dt

_SPANS = ("years", "months", "days", "hours", "minutes", "seconds", "microseconds")
_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class weekday:  # noqa: N801  dateutil's name
    """A weekday, and which one of several: MO(+2)."""

    def __init__(self, number, n=None):
        self.weekday, self.n = number, n

    def __call__(self, n):
        return weekday(self.weekday, n)

    def __eq__(self, other):
        return isinstance(other, weekday) and (self.weekday, self.n) == (other.weekday, other.n)

    def __hash__(self):
        return hash((self.weekday, self.n))

    def __repr__(self):
        name = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[self.weekday]
        return name if not self.n else "%s(%+d)" % (name, self.n)


MO, TU, WE, TH, FR, SA, SU = (weekday(n) for n in range(7))


class relativedelta:  # noqa: N801  dateutil's name
    """A span (plural names) and parts to be set (singular names), added to dates."""

    def __init__(self, dt1=None, dt2=None, years=0, months=0, days=0, leapdays=0, weeks=0, hours=0, minutes=0, seconds=0,
                 microseconds=0, year=None, month=None, day=None, weekday=None, yearday=None, nlyearday=None, hour=None,
                 minute=None, second=None, microsecond=None):
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

    def _between(self, dt1, dt2):
        months = (dt1.year - dt2.year) * 12 + dt1.month - dt2.month
        at = dt2 + relativedelta(months=months)
        while (dt1 < at) if months > 0 else (dt1 > at) if months < 0 else False:
            months += -1 if months > 0 else 1
            at = dt2 + relativedelta(months=months)
        rest = dt1 - at
        self.years, self.months = 0, months
        self.seconds, self.microseconds = rest.days * 86400 + rest.seconds, rest.microseconds

    def _fix(self):
        for low, high, size in (("microseconds", "seconds", 1000000), ("seconds", "minutes", 60), ("minutes", "hours", 60),
                                ("hours", "days", 24), ("months", "years", 12)):
            value = getattr(self, low)
            if abs(value) >= size:
                sign = -1 if value < 0 else 1
                whole, left = divmod(value * sign, size)
                setattr(self, low, left * sign)
                setattr(self, high, getattr(self, high) + whole * sign)

    def normalized(self):
        """With whole numbers."""
        return relativedelta(**{name: int(getattr(self, name)) for name in _SPANS}, **self._parts())

    @property
    def weeks(self):
        """Whole weeks of the days."""
        return int(self.days / 7)

    def _parts(self):
        found = {name: getattr(self, name) for name in _PARTS if getattr(self, name) is not None}
        if self.weekday is not None:
            found["weekday"] = self.weekday
        return found

    def __radd__(self, dt):
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

    def _to_weekday(self, at):
        n = self.weekday.n or 1
        if n > 0:
            return (n - 1) * 7 + (7 - at.weekday() + self.weekday.weekday) % 7
        return -((-n - 1) * 7 + (at.weekday() - self.weekday.weekday) % 7)

    def __rsub__(self, dt):
        return self.__neg__().__radd__(dt)

    def __add__(self, other):
        if isinstance(other, relativedelta):
            spans = {name: getattr(self, name) + getattr(other, name) for name in _SPANS}
            return relativedelta(**spans, **{**self._parts(), **other._parts()})
        if isinstance(other, _dt.timedelta):
            return self + relativedelta(days=other.days, seconds=other.seconds, microseconds=other.microseconds)
        return self.__radd__(other)

    def __sub__(self, other):
        return self + -other if isinstance(other, relativedelta) else NotImplemented

    def __neg__(self):
        return relativedelta(**{name: -getattr(self, name) for name in _SPANS}, **self._parts())

    def __abs__(self):
        return relativedelta(**{name: abs(getattr(self, name)) for name in _SPANS}, **self._parts())

    def __mul__(self, factor):
        return relativedelta(**{name: int(getattr(self, name) * factor) for name in _SPANS}, **self._parts())

    __rmul__ = __mul__

    def __bool__(self):
        return any(getattr(self, name) for name in _SPANS) or bool(self._parts())

    def __eq__(self, other):
        if not isinstance(other, relativedelta):
            return NotImplemented
        return self._key() == other._key()

    def _key(self):
        return tuple(getattr(self, name) for name in _SPANS + _PARTS) + (self.weekday,)

    def __hash__(self):
        return hash(self._key())

    def __repr__(self):
        said = ["%s=%+g" % (name, getattr(self, name)) for name in _SPANS if getattr(self, name)]
        return "relativedelta(%s)" % ", ".join(said + ["%s=%r" % part for part in self._parts().items()])


def _weekday(given):
    return (MO, TU, WE, TH, FR, SA, SU)[given] if isinstance(given, int) else given
