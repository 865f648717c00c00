"""Time zones."""
import datetime as _dt

from updraft_runner import times

utc = times.UTC


def utcnow():
    """Now, in UTC."""
    return times.of(_dt.datetime.now(utc))


def datetime(*args, **kwargs):
    """A datetime that is aware: UTC unless tzinfo says otherwise."""
    kwargs.setdefault("tzinfo", utc)
    return times.DateTime(*args, **kwargs)


def parse(string, timezone=None):
    """The date and time of a text in ISO form."""
    found = times.of(_dt.datetime.fromisoformat(string.replace("Z", "+00:00").replace("z", "+00:00")))
    return found if found.tzinfo else make_aware(found, timezone)


def is_localized(value):
    """Whether the datetime is aware."""
    return value.utcoffset() is not None


def is_naive(value):
    """Whether the datetime is not aware."""
    return value.utcoffset() is None


def make_aware(value, timezone=None):
    """The naive datetime as one of the zone, UTC by default."""
    if value is None:
        return None
    if is_localized(value):
        raise ValueError("make_aware needs a naive datetime, not %s" % value)
    zone = times.zone(timezone) if isinstance(timezone, str) else timezone or utc
    return times.of(value.replace(tzinfo=zone))


def convert_to_utc(value):
    """The datetime in UTC; a naive one is taken as UTC."""
    if value is None:
        return None
    return make_aware(value) if is_naive(value) else times.of(value.astimezone(utc))
