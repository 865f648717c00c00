"""How the file being read is understood: strictly as 3.3.2, or with 2.x spellings.

One file is read per process (a fork), so this is state of the module.
"""
from __future__ import annotations

import warnings
from typing import Any, Optional


class Mode:
    """The settings of one reading.

    compat is "auto", "2" or "3". Strict reading refuses 2.x spellings with the errors of
    Airflow 3.3.2. Otherwise they work, and being seen they decide, with compat auto, which
    meaning schedules have.
    """

    def __init__(self, options: Optional[dict[str, Any]] = None) -> None:
        self.options = dict(options or {})
        self.compat = str(self.options.get("airflow_compat") or "auto")
        self.two = self.three = False

    @property
    def strict(self) -> bool:
        """Whether spellings of 2.x are errors."""
        return self.compat == "3"

    @property
    def meaning(self) -> Any:
        """2 or 3: what cron texts, timedeltas and an absent catchup mean."""
        if self.compat in ("2", "3"):
            return int(self.compat)
        return 2 if self.two and not self.three else 3

    def old(self, what: str) -> None:
        """Notes that the file spells something as only 2.x did."""
        del what
        self.two = True

    def option(self, name: str, default: Any) -> Any:
        """A setting of the installation that authors' absent values fall back to."""
        value = self.options.get(name)
        return default if value is None else value


_current = Mode()


def current() -> Any:
    """The mode of the file being read."""
    return _current


def use(mode: str) -> Any:
    """Makes mode the current one."""
    global _current
    _current = mode
    return mode


def depth_of_author() -> Any:
    """The stacklevel with which warnings.warn names the line of the author's file."""
    import sys
    level, frame = 1, sys._getframe(1)
    while frame is not None and _ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    return level


def _ours(module: str) -> Any:
    return module.startswith(("updraft_dags", "updraft_runner", "importlib"))


def warn(message: str, category: Any = UserWarning) -> None:
    """Warns at the author's line."""
    warnings.warn(message, category, stacklevel=depth_of_author())
