"""What DAG files use of dateutil, where dateutil itself is not installed."""
from __future__ import annotations

from typing import Any

__updraft__ = True
__version__ = "2.9.0"


def __getattr__(name: str) -> Any:
    import importlib
    if name in ("relativedelta", "parser", "tz", "utils", "rrule", "easter"):
        return importlib.import_module("dateutil." + name)
    raise AttributeError("Updraft's stand-in for dateutil has no %r: install python-dateutil" % name)
