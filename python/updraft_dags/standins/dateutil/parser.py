"""dateutil.parser: dates as people write them, in the common forms."""
from __future__ import annotations

from typing import Any

from updraft_runner import readers as _readers


class ParserError(ValueError):
    """A text that is no date."""


def parse(timestr: Any, parserinfo: Any = None, *, default: Any = None, ignoretz: bool = False, tzinfos: Any = None, dayfirst: bool = False, yearfirst: bool = False, fuzzy: bool = False,
          **_: Any) -> Any:
    """The datetime of a text."""
    if parserinfo is not None or fuzzy or tzinfos is not None:
        raise NotImplementedError("this stand-in of dateutil.parser has no parserinfo, fuzzy, tzinfos: install python-dateutil")
    if not isinstance(timestr, str):
        raise TypeError("Parser must be a string or character stream, not %s" % type(timestr).__name__)
    if not timestr.strip():
        raise ParserError("String does not contain a date: %s" % timestr)
    try:
        found = _readers.parse(timestr, False, default, dayfirst, yearfirst)
    except ValueError:
        raise ParserError("Unknown string format: %s" % timestr) from None
    return found.replace(tzinfo=None) if ignoretz else found


def isoparse(dt_str: Any) -> Any:
    """The datetime of a text in ISO 8601."""
    found = _readers.iso(dt_str.decode() if isinstance(dt_str, bytes) else dt_str)
    if found is None:
        raise ValueError("String contains unknown ISO components: %r" % dt_str)
    return found
