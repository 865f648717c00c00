"""pendulum's methods of dates that go beyond the arithmetic of times.py."""
import calendar
import datetime as _dt

from updraft_runner import formats, spans


class Methods:
    """Formats, comparisons and steps for a datetime that has add, start_of and end_of."""

    def __sub__(self, other):
        if isinstance(other, spans.Duration):
            return self._moved(other, -1)
        if isinstance(other, _dt.datetime):
            delta = _dt.datetime.__sub__(self, other)
            return spans.Interval(_dt.datetime.__sub__(self, delta), self) if delta is not NotImplemented else delta
        return _dt.datetime.__sub__(self, other)

    def __add__(self, other):
        if isinstance(other, spans.Duration) and not isinstance(other, spans.Interval):
            return self._moved(other, 1)
        return _dt.datetime.__add__(self, other)

    __radd__ = __add__

    def _moved(self, span, sign):
        rest = span._rest()
        return self.add(years=sign * span.years, months=sign * span.months, days=sign * rest.days,
                        seconds=sign * rest.seconds, microseconds=sign * rest.microseconds)

    def diff(self, dt=None, abs=True):
        """The interval to another moment, or to now."""
        return spans.Interval(self, dt if dt is not None else self._now(), absolute=abs)

    def diff_for_humans(self, other=None, absolute=False, locale=None):
        """The difference to another moment, or to now, in words."""
        del locale
        seconds = _dt.datetime.__sub__(self, other if other is not None else self._now()).total_seconds()
        return formats.difference(seconds, absolute, other is not None)

    def _now(self):
        return type(self).fromtimestamp(_dt.datetime.now(_dt.timezone.utc).timestamp(), self.tzinfo)

    def format(self, fmt, locale=None):
        """As YYYY-MM-DD HH:mm:ss says."""
        del locale
        return formats.write(self, fmt)

    def to_iso8601_string(self):
        """2024-02-29T06:00:00Z"""
        return self.isoformat().replace("+00:00", "Z")

    to_rfc3339_string = lambda self: self.isoformat()  # noqa: E731
    to_atom_string = to_w3c_string = to_rfc3339_string

    def to_formatted_date_string(self):
        """Feb 29, 2024"""
        return formats.write(self, "MMM DD, YYYY")

    def to_day_datetime_string(self):
        """Thu, Feb 29, 2024 6:00 AM"""
        return formats.write(self, "ddd, MMM D, YYYY h:mm A")

    def to_rfc2822_string(self):
        """Thu, 29 Feb 2024 06:00:00 +0000"""
        return formats.write(self, "ddd, DD MMM YYYY HH:mm:ss ZZ")

    to_rss_string = to_rfc822_string = to_rfc2822_string

    def to_cookie_string(self):
        """Thursday, 29-Feb-2024 06:00:00 UTC"""
        return formats.write(self, "dddd, DD-MMM-YYYY HH:mm:ss zz")

    def is_past(self):
        """Whether it is before now."""
        return self < self._now()

    def is_future(self):
        """Whether it is after now."""
        return self > self._now()

    def is_leap_year(self):
        """Whether the year has a 29th of February."""
        return calendar.isleap(self.year)

    def is_same_day(self, dt):
        """Whether both have the same date."""
        return self.date() == dt.date()

    def is_birthday(self, dt=None):
        """Whether both have the same month and day."""
        other = dt if dt is not None else self._now()
        return (self.month, self.day) == (other.month, other.day)

    def set(self, **parts):
        """With other parts."""
        if "tz" in parts:
            parts["tzinfo"] = parts.pop("tz")
        return self.replace(**parts)

    def at(self, hour, minute=0, second=0, microsecond=0):
        """That day at another time."""
        return self.replace(hour=hour, minute=minute, second=second, microsecond=microsecond)

    def on(self, year, month, day):
        """That time on another day."""
        return self.replace(year=year, month=month, day=day)

    def __repr__(self):
        parts = [self.year, self.month, self.day, self.hour, self.minute, self.second]
        if self.microsecond:
            parts.append(self.microsecond)
        said = ", ".join(map(str, parts))
        return "DateTime(%s%s)" % (said, "" if self.tzinfo is None else ", tzinfo=%r" % (self.tzinfo,))

    def naive(self):
        """Without its zone."""
        return self.replace(tzinfo=None)

    def next(self, day_of_week=None, keep_time=False):
        """The next such day (0 is Monday), or the same day of next week."""
        return self._step(day_of_week, keep_time, 1)

    def previous(self, day_of_week=None, keep_time=False):
        """The last such day before."""
        return self._step(day_of_week, keep_time, -1)

    def _step(self, day_of_week, keep_time, sign):
        at = self if keep_time else self.start_of("day")
        wanted = self.weekday() if day_of_week is None else int(day_of_week)
        at = at.add(days=sign)
        while at.weekday() != wanted:
            at = at.add(days=sign)
        return at

    def first_of(self, unit, day_of_week=None):
        """The first day (or weekday) of a month, quarter or year."""
        start = self.start_of(unit)
        return start if day_of_week is None or start.weekday() == int(day_of_week) else start.next(day_of_week)

    def last_of(self, unit, day_of_week=None):
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

    def is_local(self):
        """Whether its offset is that of this machine."""
        return self.utcoffset() == self.astimezone().utcoffset()

    def is_utc(self):
        """Whether its offset is 0."""
        return self.offset == 0
