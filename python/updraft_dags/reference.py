"""Writes the body of docs/python.md: every name that DAG files may import.

Run by internal/gendocs: python3 -m updraft_dags.reference
"""
from __future__ import annotations

import sys

from updraft_dags import names, specs

_HEAD = """DAG files and the callables of all DAGs import these names without Airflow being installed. Operators
marked *native* run in Updraft itself; the others, and subclasses of any, run in Python.

- **3** is how Airflow 3.3.2 spells it. **moved** still works in 3.3.2, with a warning. **2** works in 2.x (or
  1.10) only: an error with `airflow_compat: 3`, and with `auto` a sign that the file means 2.x.
- Where Apache Airflow is installed for the tasks' Python, callables of YAML DAGs get that; files in Python are
  always read by Updraft.
- `pendulum` and `dateutil` (`relativedelta`, `parser`, `tz`) have stand-ins where they are not installed.
- A name that is not here makes one import error of the file, which lists all of them with their pip packages.

| module | names | spelling |
|---|---|---|
"""


def rows() -> list[tuple[str, str, str]]:
    """Module, names, spelling."""
    native = {spec.path for spec in specs.all_specs()}
    found: dict[tuple[str, str], list[str]] = {}
    for module in names.modules(2):
        for name in names.of_module(module, 2):
            if name.startswith("_"):
                continue  # the classes of decorated tasks: nobody imports them
            entry, today = names.find(module, name, 2), names.find(module, name, 3)
            assert entry is not None
            kind = "2" if today is None else "moved" if today.advice else "3"
            full = "%s.%s" % (entry.module, entry.name)
            mark = " *native*" if full in native else ""
            found.setdefault((module, kind), []).append("`%s`%s" % (name, mark))
    return [(module, ", ".join(sorted(given)), kind) for (module, kind), given in sorted(found.items())]


def main() -> None:
    """Writes it to standard output."""
    body = "".join("| `%s` | %s | %s |\n" % row for row in rows())
    sys.stdout.write(_HEAD + body)


if __name__ == "__main__":
    main()
