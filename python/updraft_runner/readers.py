"""Reads dates and times as people write them."""
from __future__ import annotations

import datetime as _dt
import re
from typing import Any

_ISO = re.compile(
    r"(\d{4})(?:-?(\d\d)(?:-?(\d\d))?)?(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?)?$")
_WEEK = re.compile(r"(\d{4})-?W(\d\d)(?:-?(\d))?$")
_DAY = re.compile(r"(\d{4})-(\d{3})$")
_MONTHS = {name: n for n, names in enumerate((
    "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
    "sep sept september", "oct october", "nov november", "dec december"), 1) for name in names.split()}
_DAYS = frozenset("mon tue wed thu fri sat sun tues thur thurs monday tuesday wednesday thursday friday saturday sunday".split())
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d):?(\d\d)$")


def _zone(text: str) -> Any:
    if not text:
        return None
    if text in ("Z", "z", "UTC", "GMT"):
        return _dt.timezone.utc
    minutes = int(text[1:3]) * 60 + int((text[3:].replace(":", "") or "0"))
    return _dt.timezone(_dt.timedelta(minutes=-minutes if text[0] == "-" else minutes))


def iso(text: str) -> Any:
    """The datetime of a text in ISO 8601; None if it is no such text."""
    found = _ISO.match(text)
    if found:
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        micro = int((fraction or "0").ljust(6, "0")[:6])
        return _dt.datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0),
                            micro, _zone(zone))
    found = _WEEK.match(text)
    if found:
        return _dt.datetime.strptime("%s %s %s" % (found.group(1), found.group(2), found.group(3) or 1), "%G %V %u")
    found = _DAY.match(text)
    if found:
        return _dt.datetime.strptime(found.group(), "%Y-%j")
    return None


def parse(text: str, strict: bool = True, default: Any = None, dayfirst: bool = False, yearfirst: bool = False) -> Any:
    """The datetime of a text: ISO 8601, and unless strict other forms, too."""
    found = iso(text.strip())
    if found is None and not strict:
        found = free(text.strip(), default, dayfirst, yearfirst)
    if found is None:
        raise ValueError("Unable to parse string [%s]" % text)
    return found


def free(text: str, default: Any = None, dayfirst: bool = False, yearfirst: bool = False) -> Any:
    """The datetime of a text such as `Feb 29 2024 6:00 pm` or `02/29/2024`; what it
    does not say is that of default, or today at midnight. None if it is not one."""
    base = default or _dt.datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rest, parts = _take_clock(text)
    rest, zone = _take_zone(rest)
    numbers, month = [], None
    for word in re.findall(r"\d+(?:st|nd|rd|th)?|[A-Za-z]+", rest):
        low = word.lower()
        if word[0].isdigit():
            numbers.append(re.match(r"\d+", word).group())
        elif low in _MONTHS and month is None:
            month = _MONTHS[low]
        elif low not in _DAYS and low not in ("of", "at", "t", "and"):
            return None
    date = _date(numbers, month, base, dayfirst, yearfirst)
    if date is None or not (numbers or month or parts):
        return None
    try:
        return base.replace(**date, **parts, **({"tzinfo": zone} if zone else {}))
    except ValueError:
        return None


def _take_clock(text: str) -> Any:
    parts = {}
    found = _CLOCK.search(text)
    half = re.search(r"(?i)\b(\d{1,2})\s*([ap])\.?m\.?(?![a-z])", text)
    if found:
        hour, minute, second, fraction = found.groups()
        parts = {"hour": int(hour), "minute": int(minute), "second": int(second or 0),
                 "microsecond": int((fraction or "0").ljust(6, "0")[:6])}
        text = text.replace(found.group(), " ", 1)
        half = re.search(r"(?i)()\b([ap])\.?m\.?(?![a-z])", text)
    elif half and half.group(1):
        parts = {"hour": int(half.group(1)), "minute": 0, "second": 0, "microsecond": 0}
    else:
        half = None
    if half:
        parts["hour"] = parts["hour"] % 12 + (12 if half.group(2).lower() == "p" else 0)
        text = text.replace(half.group(), " ", 1)
    return text, parts


def _take_zone(text: str) -> Any:
    text = text.strip()
    found = _OFFSET.search(text)
    if found and text[:found.start()][-1:] in ("", " "):
        return text[:found.start()], _zone("".join(found.groups()))
    found = re.search(r"\b(Z|UTC|GMT)\b", text)
    return (text.replace(found.group(), " ", 1), _dt.timezone.utc) if found else (text, None)


def _date(numbers: Any, month: Any, base: Any, dayfirst: Any, yearfirst: Any) -> Any:
    """The fields of up to three numbers and a month's name."""
    if len(numbers) == 1 and len(numbers[0]) in (8, 14) and month is None:
        found = iso(numbers[0][:8])
        rest = numbers[0][8:]
        clock = dict(zip(("hour", "minute", "second"), (int(rest[i:i + 2]) for i in range(0, len(rest), 2))))
        return {"year": found.year, "month": found.month, "day": found.day, **clock}
    values = [int(n) for n in numbers]
    year = next((i for i, n in enumerate(numbers) if len(n) > 2 or values[i] > 31), None)
    if month is not None:
        if len(values) > 2:
            return None
        if year is None and len(values) == 2:
            year = 1
        days = [v for i, v in enumerate(values) if i != year]
        out = {"month": month, "day": days[0] if days else min(base.day, 28)}
        return {**out, "year": _full(values[year])} if year is not None else out
    if not values:
        return {}
    if len(values) > 3:
        return None
    if len(values) == 2:
        return {"month": values[0], "day": values[1]} if year is None else {"year": values[year], "month": values[1 - year]}
    if len(values) == 1:
        return {"day": values[0]} if year is None else {"year": values[0]}
    if year is None:
        year = 0 if yearfirst else 2
    first, second = [v for i, v in enumerate(values) if i != year]
    if year != 0 and (dayfirst or first > 12):
        first, second = second, first
    return {"year": _full(values[year]), "month": first, "day": second}


def _full(year: Any) -> Any:
    return year if year > 99 else 2000 + year if year < 70 else 1900 + year
