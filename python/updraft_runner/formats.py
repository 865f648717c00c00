"""pendulum's formats: YYYY-MM-DD and so on, written and read."""
from __future__ import annotations

import datetime as _dt
import re
from typing import Any

_TOKEN = re.compile(r"\[([^\]]*)\]|(YYYY|YY|Y|Qo|Q|MMMM|MMM|MM|Mo|M|DDDD|DDD|DD|Do|D|dddd|ddd|dd|d|E|HH|H|hh|h|mm|m|ss|s|"
                    r"S{1,6}|A|a|ZZ|zz|Z|z|X|x|WW|Wo|W)")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _ordinal(n: Any) -> str:
    if n % 100 in (11, 12, 13):
        return "%dth" % n
    return "%d%s" % (n, {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th"))


def _offset(moment: Any, colon: Any) -> Any:
    found = _dt.datetime.strftime(moment, "%z") or "+0000"
    return found[:3] + (":" if colon else "") + found[3:5]


_WRITE = {
    "YYYY": lambda d: "%04d" % d.year, "YY": lambda d: "%02d" % (d.year % 100), "Y": lambda d: str(d.year),
    "Q": lambda d: str((d.month + 2) // 3), "Qo": lambda d: _ordinal((d.month + 2) // 3),
    "MMMM": lambda d: _MONTHS[d.month - 1], "MMM": lambda d: _MONTHS[d.month - 1][:3],
    "MM": lambda d: "%02d" % d.month, "M": lambda d: str(d.month), "Mo": lambda d: _ordinal(d.month),
    "DDDD": lambda d: "%03d" % d.timetuple().tm_yday, "DDD": lambda d: str(d.timetuple().tm_yday),
    "DD": lambda d: "%02d" % d.day, "D": lambda d: str(d.day), "Do": lambda d: _ordinal(d.day),
    "dddd": lambda d: _DAYS[d.weekday()], "ddd": lambda d: _DAYS[d.weekday()][:3], "dd": lambda d: _DAYS[d.weekday()][:2],
    "d": lambda d: str((d.weekday() + 1) % 7), "E": lambda d: str(d.isoweekday()),
    "WW": lambda d: "%02d" % d.isocalendar()[1], "W": lambda d: str(d.isocalendar()[1]), "Wo": lambda d: _ordinal(d.isocalendar()[1]),
    "HH": lambda d: "%02d" % d.hour, "H": lambda d: str(d.hour),
    "hh": lambda d: "%02d" % (d.hour % 12 or 12), "h": lambda d: str(d.hour % 12 or 12),
    "mm": lambda d: "%02d" % d.minute, "m": lambda d: str(d.minute), "ss": lambda d: "%02d" % d.second, "s": lambda d: str(d.second),
    "A": lambda d: "AM" if d.hour < 12 else "PM", "a": lambda d: "am" if d.hour < 12 else "pm",
    "ZZ": lambda d: _offset(d, False), "Z": lambda d: _offset(d, True),
    "zz": lambda d: d.tzname() or "", "z": lambda d: getattr(d.tzinfo, "key", None) or d.tzname() or "",
    "X": lambda d: str(int(d.timestamp())), "x": lambda d: str(int(d.timestamp() * 1000)),
}


def write(moment: Any, fmt: Any) -> Any:
    """The moment as the format says; text in [brackets] stays."""
    def one(found: Any) -> Any:
        if found.group(1) is not None:
            return found.group(1)
        token = found.group(2)
        if token[0] == "S":
            return ("%06d" % moment.microsecond)[:len(token)]
        return _WRITE[token](moment)
    return _TOKEN.sub(one, fmt)


# Token -> the pattern of what it reads, and the field.
_READ = {
    "YYYY": (r"\d{4}", "year"), "YY": (r"\d{2}", "short"), "Y": (r"\d{1,4}", "year"),
    "MMMM": ("|".join(_MONTHS), "name"), "MMM": ("|".join(m[:3] for m in _MONTHS), "name"),
    "MM": (r"\d{2}", "month"), "M": (r"\d{1,2}", "month"), "DD": (r"\d{2}", "day"), "D": (r"\d{1,2}", "day"),
    "Do": (r"\d{1,2}(?:st|nd|rd|th)", "ordinal"), "DDDD": (r"\d{3}", "yday"), "DDD": (r"\d{1,3}", "yday"),
    "HH": (r"\d{2}", "hour"), "H": (r"\d{1,2}", "hour"), "hh": (r"\d{2}", "hour"), "h": (r"\d{1,2}", "hour"),
    "mm": (r"\d{2}", "minute"), "m": (r"\d{1,2}", "minute"), "ss": (r"\d{2}", "second"), "s": (r"\d{1,2}", "second"),
    "A": ("AM|PM|am|pm", "half"), "a": ("am|pm|AM|PM", "half"), "Z": (r"[+-]\d\d:?\d\d|Z", "offset"),
    "ZZ": (r"[+-]\d\d:?\d\d|Z", "offset"), "z": (r"[A-Za-z_]+(?:/[A-Za-z_+-]+)*", "zone"), "X": (r"-?\d+", "unix"),
    "dddd": ("|".join(_DAYS), "ignored"), "ddd": ("|".join(d[:3] for d in _DAYS), "ignored"),
}


def read(text: str, fmt: Any) -> Any:
    """The fields of a text in the format: a dict with year, month, ..., offset, zone."""
    fields, pattern, at = [], "", 0
    for found in _TOKEN.finditer(fmt):
        pattern += re.escape(fmt[at:found.start()])
        at = found.end()
        if found.group(1) is not None:
            pattern += re.escape(found.group(1))
            continue
        token = found.group(2)
        expression, field = (r"\d{1,%d}" % len(token), "fraction") if token[0] == "S" else _READ.get(token, (None, None))
        if expression is None:
            raise ValueError("the token %s of the format %r cannot be read" % (token, fmt))
        pattern += "(%s)" % expression
        fields.append(field)
    match = re.fullmatch(pattern + re.escape(fmt[at:]), text)
    if match is None:
        raise ValueError("String does not match format %s" % fmt)
    return _fields(dict(zip(fields, match.groups())))


def _fields(raw: Any) -> Any:
    out = {k: int(raw[k]) for k in ("year", "month", "day", "hour", "minute", "second") if k in raw}
    if "short" in raw:
        out["year"] = (1900 if int(raw["short"]) > 68 else 2000) + int(raw["short"])
    if "name" in raw:
        out["month"] = [m[:3] for m in _MONTHS].index(raw["name"][:3]) + 1
    if "ordinal" in raw:
        out["day"] = int(raw["ordinal"][:-2])
    if "fraction" in raw:
        out["microsecond"] = int(raw["fraction"].ljust(6, "0"))
    if "half" in raw:
        out["hour"] = out.get("hour", 0) % 12 + (12 if raw["half"].lower() == "pm" else 0)
    for name in ("yday", "unix"):
        if name in raw:
            out[name] = int(raw[name])
    for name in ("offset", "zone"):
        if name in raw:
            out[name] = raw[name]
    return out


def difference(seconds: Any, absolute: bool = False, other: bool = False) -> Any:
    """How long ago, or from now, in words."""
    size = abs(seconds)
    for unit, length in (("year", 31536000), ("month", 2629800), ("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if size >= length:
            count = int(size // length)
            said = "%d %s%s" % (count, unit, "" if count == 1 else "s")
            break
    else:
        count = int(size)
        said = "a few seconds" if count < 10 and not other else "%d second%s" % (count, "" if count == 1 else "s")
    if absolute:
        return said
    if other:
        return said + (" after" if seconds > 0 else " before")
    return "in " + said if seconds > 0 else said + " ago"
