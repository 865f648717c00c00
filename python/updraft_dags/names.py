"""Which modules Airflow has, and which object each name in them is.

The tables are text, one line a module: names_core.py has what 3.3.2 has,
names_old.py what it still answers to with a warning and what only 2.x and
1.10 had, names_providers.py the providers. Operators come from
operators.json, which is written from the Go side's table of operators.
"""
from __future__ import annotations

import functools
from typing import NamedTuple, Optional

from updraft_dags import names_core, names_old, names_providers, specs


class Entry(NamedTuple):
    """Where a name leads: the name of the canonical module (the module itself
    when name is empty), and what a warning advises instead."""

    module: str
    name: str
    advice: str = ""


@functools.lru_cache(maxsize=None)
def homes() -> dict[str, dict[str, str]]:
    """Canonical modules: name -> "module:attribute" of what answers."""
    found: dict[str, dict[str, str]] = {}
    for table in (names_core.HOMES, names_providers.HOMES):
        for module, source, given in _lines(table):
            for name, attribute in given:
                found.setdefault(module, {})[name] = source + ":" + attribute
    for spec in specs.all_specs():
        module, _, name = spec.path.rpartition(".")
        if module.startswith("airflow."):
            found.setdefault(module, {}).setdefault(name, "updraft_dags.providers.classes:" + spec.path)
    return found


def homes_of_core() -> dict[str, dict[str, str]]:
    """As homes, without the providers; the first home of an object comes last."""
    found: dict[str, dict[str, str]] = {}
    for module, source, given in _lines(names_core.HOMES):
        for name, attribute in given:
            found.setdefault(module, {})[name] = source + ":" + attribute
    return found


@functools.lru_cache(maxsize=None)
def _tables() -> dict[int, dict[str, dict[str, Entry]]]:
    """Compat -> module -> name -> entry."""
    three: dict[str, dict[str, Entry]] = {}
    for module, table in homes().items():
        if module in specs.ONLY_IN_2:
            continue
        for name in table:
            if module + "." + name not in specs.ONLY_IN_2:
                three.setdefault(module, {})[name] = Entry(module, name)
    for module, home, given in _lines(names_core.ALSO + names_providers.ALSO):
        for name, target in given:
            three.setdefault(module, {})[name] = Entry(home, "" if target == "-" else target)
    for module, home, given in _lines(names_old.MOVED):
        for name, target in given:
            three.setdefault(module, {})[name] = _moved(home, name, target)
    two = {module: dict(table) for module, table in three.items()}
    for module, table in homes().items():
        for name in table:
            two.setdefault(module, {}).setdefault(name, Entry(module, name))
    for module, home, given in _lines(names_old.ONLY_IN_2):
        for name, target in given:
            two.setdefault(module, {}).setdefault(name, Entry(home, target))
    for spec in specs.all_specs():
        for alias in spec.aliases:
            module, _, name = alias.rpartition(".")
            two.setdefault(module, {}).setdefault(name, Entry(*_split(spec.path)))
    return {2: two, 3: three}


def _moved(home: str, name: str, target: str) -> Entry:
    """`Name`, `Name=Other`, `Name=-` (the module itself), each with `home` or
    with `home|advice`, where the advice names another place."""
    place, _, advice = home.partition("|")
    if target == "-":
        return Entry(place, "", place)
    if advice.endswith("."):
        return Entry(place, target, advice[:-1])
    return Entry(place, target, (advice or place) + "." + target)


def _lines(text: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    found = []
    for line in text.splitlines():
        parts = line.split()
        if parts and not parts[0].startswith("#"):
            given = [(n.partition("=")[0], n.partition("=")[2] or n.partition("=")[0]) for n in parts[2:]]
            found.append((parts[0], parts[1], given))
    return found


def _split(path: str) -> tuple[str, str]:
    module, _, name = path.rpartition(".")
    return module, name


@functools.lru_cache(maxsize=None)
def _packages(compat: int) -> frozenset[str]:
    found = set()
    empty = names_core.EMPTY.split() + (names_old.EMPTY_IN_2.split() if compat == 2 else [])
    for module in list(_tables()[compat]) + empty:
        while "." in module:
            module = module.rpartition(".")[0]
            found.add(module)
    return frozenset(found.union(empty))


def is_module(name: str, compat: int) -> bool:
    """Whether Airflow of that version (or a stand-in) has the module."""
    return name in _tables()[compat] or name in _packages(compat)


def is_package(name: str, compat: int) -> bool:
    """Whether it has modules below it."""
    return name in _packages(compat)


def is_virtual(name: str) -> bool:
    """Whether 3.3.2 only redirects from the module: its errors differ."""
    return name in _virtual()


@functools.lru_cache(maxsize=None)
def _virtual() -> frozenset[str]:
    moved = {module for module, _, _ in _lines(names_old.MOVED)}
    return frozenset(moved - set(names_core.EMPTY.split()) - {"airflow", "airflow.exceptions"})


def warm() -> None:
    """Makes all that is kept of the tables."""
    for compat in (2, 3):
        _packages(compat)
    _virtual()


def find(module: str, name: str, compat: int) -> Optional[Entry]:
    """Where a name of a module leads; None when Airflow has no such name."""
    return _tables()[compat].get(module, {}).get(name)


def of_module(module: str, compat: int) -> list[str]:
    """The names of a module."""
    return list(_tables()[compat].get(module, ()))


def modules(compat: int) -> list[str]:
    """All modules that have names."""
    return sorted(_tables()[compat])


def only_in_2(module: str, name: str) -> bool:
    """Whether an import is how 2.x spells it: it shows what a file was written for."""
    return module.startswith(names_old.MARKS_OF_2) or find(module, name, 3) is None


def only_in_3(module: str) -> bool:
    """Whether a module is 3.x's own."""
    return module == "airflow.sdk" or module.startswith(("airflow.sdk.", "airflow.task."))


def package(path: str) -> Optional[str]:
    """The pip package that has a name Updraft does not; None if it is gone."""
    if find(*_split(path), 2) is not None or is_module(path, 2):
        return None  # Airflow 2 had it: there is nothing to install
    parts = path.split(".")
    if parts[:2] != ["airflow", "providers"] or len(parts) < 3:
        words = ".".join(parts[1:-1]).lower().replace(".", "_").split("_")
        known = [names_old.PACKAGES[word] for word in words if word in names_old.PACKAGES]
        return "apache-airflow-providers-" + known[0] if known else None
    two = ".".join(parts[2:4])
    name = two if two.split(".")[0] in names_providers.GROUPS else parts[2]
    return "apache-airflow-providers-" + name.replace(".", "-").replace("_", "-")


def instead(path: str) -> Optional[str]:
    """What Updraft has in the place of a name; None if nothing."""
    entry = find(*_split(path), 2)
    if entry is not None:
        return "airflow_compat: 2, or %s.%s" % (entry.module, entry.name)
    return names_providers.INSTEAD.get(path.rpartition(".")[2])
