"""The macros of the context; imports happen when one is used."""
from __future__ import annotations

import datetime as _datetime
from typing import Any

_MODULES = ("json", "random", "time", "uuid", "yaml", "dateutil")

datetime = _datetime.datetime
timedelta = _datetime.timedelta


def ds_add(ds: Any, days: int) -> str:
    """A date as text, days later (or earlier)."""
    if not days:
        return str(ds)
    day = _datetime.datetime.strptime(str(ds), "%Y-%m-%d") + _datetime.timedelta(days=days)
    return day.strftime("%Y-%m-%d")


def ds_format(ds: Any, input_format: Any, output_format: Any) -> str:
    """A date as text in another format."""
    return _datetime.datetime.strptime(str(ds), input_format).strftime(output_format)


def ds_format_locale(ds: Any, input_format: Any, output_format: Any, locale: Any = None) -> Any:
    """As ds_format; names of days and months are English, whatever the locale."""
    del locale
    return ds_format(ds, input_format, output_format)


def datetime_diff_for_humans(dt: Any, since: Any = None) -> Any:
    """How long ago, in words."""
    from updraft_dags.standins import words
    return words.difference(dt, since)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        import importlib
        return importlib.import_module(name)
    raise AttributeError("macros has no %r" % name)
