"""What DAG files use of pendulum, where pendulum itself is not installed."""
from __future__ import annotations

import datetime as _dt
import zoneinfo as _zoneinfo

from updraft_runner import formats as _formats
from updraft_runner import spans as _spans
from updraft_runner import times as _times

# First: below, functions of these names take the place of the modules.
from pendulum.datetime import DateTime
from pendulum.duration import Duration
from typing import Any, Optional

__updraft__ = True
__version__ = "3.0.0"

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)
YEARS_PER_CENTURY, YEARS_PER_DECADE, MONTHS_PER_YEAR, WEEKS_PER_YEAR, DAYS_PER_WEEK = 100, 10, 12, 52, 7
HOURS_PER_DAY, MINUTES_PER_HOUR, SECONDS_PER_MINUTE, SECONDS_PER_HOUR, SECONDS_PER_DAY = 24, 60, 60, 3600, 86400

Date = _dt.date
Time = _dt.time
Interval = Period = _spans.Interval


class Timezone(_zoneinfo.ZoneInfo):
    """A zone of the tz database."""

    @property
    def name(self) -> Any:
        """Its name."""
        return self.key

    def convert(self, dt: Any) -> Any:
        """The moment in this zone; a naive one is taken as of it."""
        return _times.of(dt.replace(tzinfo=self) if dt.tzinfo is None else dt.astimezone(self))

    def datetime(self, *args: Any) -> Any:
        """A moment in this zone."""
        return DateTime(*args, tzinfo=self)

    def __repr__(self) -> str:
        return "Timezone('%s')" % self.key


class FixedTimezone(_dt.tzinfo):
    """A zone that is an offset in seconds."""

    def __init__(self, offset: Any, name: Optional[str] = None) -> None:
        self._offset = _dt.timedelta(seconds=offset)
        sign = "-" if offset < 0 else "+"
        self.name = name or "%s%02d:%02d" % (sign, abs(offset) // 3600, abs(offset) % 3600 // 60)

    def utcoffset(self, dt: Any) -> Any:
        """The offset."""
        return self._offset

    def dst(self, dt: Any) -> Any:
        """None."""
        return _dt.timedelta(0)

    def tzname(self, dt: Any) -> Any:
        """Its name."""
        return self.name

    def __getinitargs__(self) -> Any:
        return (int(self._offset.total_seconds()), self.name)

    def __repr__(self) -> str:
        return "FixedTimezone(%d, name=\"%s\")" % (self._offset.total_seconds(), self.name)


def timezone(name: str) -> Any:
    """The zone of a name, or of an offset in seconds."""
    if isinstance(name, int):
        return FixedTimezone(name)
    try:
        return Timezone("UTC" if name.lower() == "utc" else name)
    except (_zoneinfo.ZoneInfoNotFoundError, ValueError):
        if name.lower() == "utc":
            return FixedTimezone(0, "UTC")
        raise ValueError("Invalid timezone %r: if the name is right, install tzdata" % name) from None


UTC = timezone("UTC")
_DEFAULT = UTC


def local_timezone() -> Any:
    """The zone of this machine."""
    return _dt.datetime.now().astimezone().tzinfo


def _zone(tz: Any) -> Any:
    if tz is None or isinstance(tz, _dt.tzinfo):
        return tz
    return local_timezone() if tz == "local" else timezone(tz)


def datetime(year: Any, month: Any, day: Any, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0, tz: Any = _DEFAULT, fold: int = 1, **_: Any) -> Any:
    """A moment, in UTC unless tz says otherwise."""
    made = DateTime(year, month, day, hour, minute, second, microsecond, _zone(tz))
    first, second = made.replace(fold=0), made.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return made
    if first.utcoffset() < second.utcoffset():
        # A time that the clock leaves out is as much later as it jumps.
        return first.in_timezone("UTC").in_timezone(made.tzinfo)
    # pendulum's rule: of an hour that a clock shows twice it means the second.
    return second if fold else first


def local(year: Any, month: Any, day: Any, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> Any:
    """A moment in the zone of this machine."""
    return datetime(year, month, day, hour, minute, second, microsecond, "local")


def naive(year: Any, month: Any, day: Any, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0, fold: int = 1) -> Any:
    """A moment without a zone."""
    del fold
    return DateTime(year, month, day, hour, minute, second, microsecond)


def date(year: Any, month: Any, day: Any) -> Any:
    """A date."""
    return Date(year, month, day)


def time(hour: Any, minute: int = 0, second: int = 0, microsecond: int = 0) -> Any:
    """A time of the day."""
    return Time(hour, minute, second, microsecond)


def instance(obj: Any, tz: Any = _DEFAULT) -> Any:
    """The moment of a datetime; a naive one is taken as UTC, or tz."""
    if isinstance(obj, (_dt.date, _dt.time)) and not isinstance(obj, _dt.datetime):
        return obj
    found = _times.of(obj)
    return found if found.tzinfo else found.replace(tzinfo=_zone(getattr(obj, "tz", None) or tz))


def now(tz: Any = None) -> Any:
    """Now, in the zone of this machine or tz."""
    return _times.of(_dt.datetime.now(_zone(tz) or local_timezone()))


def today(tz: str = "local") -> Any:
    """Today at midnight."""
    return now(tz).start_of("day")


def tomorrow(tz: str = "local") -> Any:
    """Tomorrow at midnight."""
    return today(tz).add(days=1)


def yesterday(tz: str = "local") -> Any:
    """Yesterday at midnight."""
    return today(tz).subtract(days=1)


def from_timestamp(timestamp: Any, tz: Any = UTC) -> Any:
    """The moment of a Unix time."""
    return _times.of(_dt.datetime.fromtimestamp(timestamp, _zone(tz)))


def duration(days: int = 0, seconds: int = 0, microseconds: int = 0, milliseconds: int = 0, minutes: int = 0, hours: int = 0, weeks: int = 0, years: int = 0, months: int = 0) -> Any:
    """A span of time."""
    return Duration(days, seconds, microseconds, milliseconds, minutes, hours, weeks, years, months)


def interval(start: Any, end: Any, absolute: bool = False) -> Any:
    """The time between two moments."""
    return Interval(start, end, absolute)


period = interval


def parse(text: str, **options: Any) -> Any:
    """The moment of a text in ISO 8601 or a form near it; tz for texts without an offset."""
    from updraft_runner import readers
    found = readers.parse(text, strict=options.get("strict", True))
    if isinstance(found, _dt.datetime):
        found = _times.of(found)
        if found.tzinfo is None:
            return found.replace(tzinfo=_zone(options.get("tz", UTC)))
        return found if found.utcoffset() else found.replace(tzinfo=UTC)
    return found


def from_format(string: Any, fmt: Any, tz: Any = UTC, locale: Any = None) -> Any:
    """The moment of a text in a format such as YYYY-MM-DD."""
    del locale
    found = _formats.read(string, fmt)
    if "unix" in found:
        return from_timestamp(found["unix"], tz)
    if "offset" in found:
        text = found.pop("offset").replace(":", "")
        seconds = 0 if text == "Z" else (int(text[1:3]) * 60 + int(text[3:5])) * (-60 if text[0] == "-" else 60)
        tz = FixedTimezone(seconds) if seconds else UTC
    tz = found.pop("zone", tz)
    yday = found.pop("yday", None)
    here = now(_zone(tz))
    defaults = {"year": here.year, "month": 1 if "year" in found else here.month,
                "day": 1 if "year" in found or "month" in found else here.day}
    made = datetime(**{**defaults, **found}, tz=tz)
    return made if yday is None else made.start_of("year").add(days=yday - 1)


def timezones() -> Any:
    """The names of all zones."""
    return tuple(sorted(_zoneinfo.available_timezones()))


def set_local_timezone(_: Any = None) -> None:
    """Not here: the machine says what is local."""
    raise NotImplementedError("this stand-in of pendulum takes the machine's zone: install pendulum")


def __getattr__(name: str) -> None:
    raise AttributeError(
        "Updraft's stand-in for pendulum has no %r: install pendulum for the Python that runs the tasks" % name)
