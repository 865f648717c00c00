"""dateutil.tz."""
import datetime as _dt
import zoneinfo as _zoneinfo

UTC = _dt.timezone.utc


def tzutc():
    """UTC."""
    return UTC


def tzlocal():
    """The zone of this machine."""
    return _dt.datetime.now().astimezone().tzinfo


def gettz(name=None):
    """The zone of a name; None if there is none."""
    if not name:
        return tzlocal()
    try:
        return UTC if name.upper() in ("UTC", "GMT") else _zoneinfo.ZoneInfo(name)
    except (_zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def tzoffset(name, offset):
    """The zone of an offset, in seconds or as a timedelta."""
    span = offset if isinstance(offset, _dt.timedelta) else _dt.timedelta(seconds=offset)
    return _dt.timezone(span, name) if name else _dt.timezone(span)
