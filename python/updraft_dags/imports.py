"""Answers every `airflow` import from the tables in names.py.

One finder makes the modules; each is empty until a name of it is asked for,
so that an import costs what the file uses and nothing else.
"""
from __future__ import annotations

import ast
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import types
import warnings
from typing import Any, Iterable, Iterator, Optional

from updraft_dags import mode, names

VERSION = "3.3.2"
_ROOT_WARNING = ("Import %r directly from the airflow module is deprecated and will be removed in the future. "
                 "Please import it from '%s'.")
_MOVED_WARNING = "The `%s.%s` attribute is deprecated. Please use `'%s'`."
_EXCEPTION_WARNING = "%s.%s is deprecated and will be removed in a future version. Use %s instead."


class DeprecatedImportWarning(FutureWarning):
    """An import path that Airflow 3 wants to see changed."""


DeprecatedImportWarning.__module__ = "airflow.utils.deprecation_tools"


def install(everything: bool = True) -> None:
    """Puts the finder in front of all others; twice is once. With everything, all that
    may be asked for is loaded now: a parent does so once for its children."""
    if not any(isinstance(f, Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    if everything:
        for _ in adopting():
            pass


def install_standins() -> None:
    """Makes pendulum and dateutil importable where they are not installed.

    Last in line: what is installed, or lies beside the DAG files, wins.
    """
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "standins")
    if folder not in sys.path:
        sys.path.append(folder)


def forget() -> None:
    """Drops the modules that were imported: each file's reading begins without any, since
    they depend on its meaning and what it imports is noted once; and a real Airflow that
    is there for other callables is not mixed with ours."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "airflow"]:
        del sys.modules[name]


def _compat() -> int:
    """2: all names there are; 3: those of 3.3.2 alone."""
    return 3 if mode.current().strict else 2


def adopting() -> Iterator[None]:
    """Loads every object, and gives it the module that Airflow has it in, in small steps.

    Types are told by their names: in tracebacks, in results, in XComs. Those of the
    core come first: where one object has several homes, theirs is the one.
    """
    for table in (names.homes_of_core(), names.homes()):
        for module, sources in table.items():
            for source in sources.values():
                _adopted(_load(source), module)
                yield
    # What is worked out once and kept: here, not in every child.
    names.warm()
    _installed("airflow", None)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of `airflow` in the tables."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """The module's spec, or None when Airflow has no such module."""
        if fullname.partition(".")[0] != "airflow" or not names.is_module(fullname, _compat()):
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, is_package=names.is_package(fullname, _compat()))
        if fullname == "airflow" or fullname.startswith("airflow.providers"):
            spec.submodule_search_locations = _installed(fullname, path) if spec.submodule_search_locations is not None else None
        return spec

    def create_module(self, spec: Any) -> types.ModuleType:
        """An empty module that looks its names up."""
        module = types.ModuleType(spec.name)
        module.__getattr__ = functools.partial(_lookup, module)  # type: ignore[method-assign]
        module.__dir__ = functools.partial(_names, module)  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing: names come when asked for."""
        if module.__name__ == "airflow":
            module.__version__ = VERSION  # type: ignore[attr-defined]
            module.__updraft__ = True  # type: ignore[attr-defined]


def _installed(fullname: str, path: Any) -> list:
    """The folders of a namespace package of this name: providers that were
    installed without Airflow stay importable."""
    found = importlib.machinery.PathFinder.find_spec(fullname, path)
    if found is None or found.origin is not None or found.submodule_search_locations is None:
        return []
    return list(found.submodule_search_locations)


def _lookup(module: types.ModuleType, name: str) -> Any:
    """The module's __getattr__."""
    here = module.__name__
    if name == "__all__":
        return [n for n in _names(module) if not n.startswith("_")]
    if name.startswith("__"):
        raise AttributeError("module %r has no attribute %r" % (here, name))
    entry = names.find(here, name, _compat())
    if entry is None:
        if names.is_module(here + "." + name, _compat()):
            # The processes that read DAG files in Airflow have imported nearly all of it,
            # so that `import airflow` is enough for `airflow.utils.dates.days_ago(1)`.
            return importlib.import_module(here + "." + name)
        raise AttributeError(_unknown(here, name))
    found = resolve(entry)
    # What warns is asked for again each time, but for names of `airflow`:
    # `from airflow import DAG` looks twice, and does not warn.
    if not entry.advice or here == "airflow":
        setattr(module, name, found)
    if names.only_in_2(here, name):
        mode.current().old("the import of %s.%s" % (here, name))
    elif names.only_in_3(here):
        mode.current().three = True
    if entry.advice and mode.current().strict:
        _warn(here, name, entry.advice)
    return found


def _names(module: types.ModuleType) -> list[str]:
    """The module's names in the tables."""
    return sorted(names.of_module(module.__name__, _compat()))


def _unknown(module: str, name: str) -> str:
    if names.is_virtual(module):
        return "The module `%r` has no attribute `%r`" % (module, name)
    return "module %r has no attribute %r" % (module, name)


def _warn(module: str, name: str, advice: str) -> None:
    if module == "airflow":
        if sys._getframe(2).f_code.co_name == "_handle_fromlist":
            return
        said = _ROOT_WARNING % (name, advice)
    elif module == "airflow.exceptions":
        said = _EXCEPTION_WARNING % (module, name, advice)
    else:
        said = _MOVED_WARNING % (module, name, advice)
    warnings.warn(said, DeprecatedImportWarning, stacklevel=3)


def resolve(entry: "names.Entry") -> Any:
    """The object of an entry."""
    if not entry.name:
        return importlib.import_module(entry.module)
    source = names.homes().get(entry.module, {}).get(entry.name)
    if not source:
        return getattr(importlib.import_module(entry.module), entry.name)
    return _adopted(_load(source), entry.module)


def _adopted(found: Any, module: str) -> Any:
    """The object, as one of the module that Airflow has it in."""
    if isinstance(found, (type, types.FunctionType)) and found.__module__.startswith("updraft_"):
        found.__module__ = module
    return found


def _load(source: str) -> Any:
    module, _, name = source.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def missing(source: str, filename: str = "<dag>") -> list[dict[str, Optional[str]]]:
    """All names of a file that cannot be imported, so that its author hears of
    them at once: {"name", "package", "instead"}."""
    found: dict[str, dict[str, Optional[str]]] = {}
    for module, name in _imports(ast.parse(source, filename)):
        full = module + "." + name if name else module
        if module.partition(".")[0] == "airflow" and not _exists(module, name):
            found[full] = {"name": full, "package": names.package(full), "instead": names.instead(full)}
    return list(found.values())


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Module and name of each import, but for those that may fail: what only type
    checkers see, and what an `except ImportError` is there for."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from ((node.module, alias.name) for alias in node.names)
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        children = node.orelse
    elif isinstance(node, ast.Try) and any(_catches_imports(h) for h in node.handlers):
        children = [*node.handlers, *node.orelse, *node.finalbody]
    for child in children:
        yield from _imports(child)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    said = ast.dump(handler.type) if handler.type is not None else "Exception"
    return any(name in said for name in ("ImportError", "ModuleNotFoundError", "Exception"))


def _exists(module: str, name: str) -> bool:
    if not names.is_module(module, _compat()):
        return module in sys.modules or _is_elsewhere(module)
    if not name or name == "*":
        return True
    return names.find(module, name, _compat()) is not None or names.is_module(module + "." + name, _compat())


def _is_elsewhere(module: str) -> bool:
    """Whether something else than the tables has the module."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, AttributeError, ValueError):
        return False
