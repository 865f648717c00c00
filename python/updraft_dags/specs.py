"""The operators that Updraft has, as operators.json tells them.

That file is written from the Go side's table of operators, so that arguments,
defaults and templates are listed in one place.
"""
from __future__ import annotations

import functools
import json
import os
from typing import Any, NamedTuple, Optional


class Argument(NamedTuple):
    """One argument of an operator."""

    name: str
    type: str
    required: bool
    templated: bool
    default: Any


class Spec(NamedTuple):
    """One operator: its import path in Airflow 3, the older ones, what it takes."""

    path: str
    aliases: tuple[str, ...]
    kind: str
    arguments: tuple[Argument, ...]
    template_ext: tuple[str, ...]


# Native classes that no longer exist in 3.3.2, and modules of such.
ONLY_IN_2 = frozenset((
    "airflow.providers.sqlite.operators.sqlite", "airflow.providers.postgres.operators.postgres",
    "airflow.providers.mysql.operators.mysql",
))


@functools.lru_cache(maxsize=None)
def all_specs() -> tuple[Spec, ...]:
    """The operators, in the order of the documentation."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "operators.json"), encoding="utf-8") as file:
        return tuple(_spec(raw) for raw in json.load(file))


def _spec(raw: dict[str, Any]) -> Spec:
    return Spec(
        raw["class"], tuple(raw.get("aliases", ())), raw.get("kind", ""),
        tuple(Argument(a["name"], a["type"], a.get("required", False), a.get("templated", False), a.get("default"))
              for a in raw.get("args", ())),
        tuple(raw.get("template_ext", ())))


@functools.lru_cache(maxsize=None)
def _by_path() -> dict[str, Spec]:
    found = {}
    for spec in all_specs():
        for path in (spec.path,) + spec.aliases:
            found.setdefault(path, spec)
    return found


def find(path: str) -> Optional[Spec]:
    """The operator of an import path, old or new."""
    return _by_path().get(path)
