"""Answers `airflow` imports by the authoring package, loaded when one is made."""
from __future__ import annotations

import importlib.machinery
import os
import sys
from typing import Any, Iterator, Optional


class _Door:
    """Stands first in sys.meta_path until the first `airflow` import."""

    @staticmethod
    def find_spec(fullname: str, path: Optional[str] = None, target: Any = None) -> Any:
        """The spec that the import table has for the module."""
        del path, target
        if fullname.partition(".")[0] != "airflow":
            return None
        sys.meta_path.remove(_Door)
        load()
        return sys.meta_path[0].find_spec(fullname)


def installed() -> Any:
    """Whether this interpreter has Apache Airflow itself."""
    found = importlib.machinery.PathFinder.find_spec("airflow")
    return found is not None and found.origin is not None


def install(always: bool = False) -> None:
    """Prepares for imports of airflow, unless Airflow is there and may win; and of
    pendulum and dateutil, which are stood in for where they are missing."""
    if not always and installed():
        return
    sys.meta_path.insert(0, _Door)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path.append(os.path.join(here, "updraft_dags", "standins"))


def load() -> None:
    """Lets the import table answer from now on."""
    from updraft_dags import imports
    imports.install(everything=False)


def warming() -> Iterator[None]:
    """As load, in a parent, in small steps: its children then have everything for nothing."""
    if _Door in sys.meta_path:
        sys.meta_path.remove(_Door)
        load()
        from updraft_dags import imports
        yield from imports.adopting()
