"""dateutil.utils."""
import datetime as _dt


def today(tzinfo=None):
    """Today at midnight."""
    return _dt.datetime.now(tzinfo).replace(hour=0, minute=0, second=0, microsecond=0)


def default_tzinfo(dt, tzinfo):
    """The datetime, in the zone if it is naive."""
    return dt if dt.tzinfo is not None else dt.replace(tzinfo=tzinfo)


def within_delta(dt1, dt2, delta):
    """Whether the two are no further apart."""
    return abs(dt1 - dt2) <= abs(delta)
