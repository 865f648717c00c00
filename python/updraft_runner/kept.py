"""The author's files as they were when the run's version of the DAG was read.

Go names, for each of them, a file with its content. They are executed from there under
their own paths: only what they say is older than what lies there now.
"""
from __future__ import annotations

import builtins
import contextlib
import importlib.machinery
import importlib.util
import io
import linecache
import os
import sys
from typing import Any, Iterator, Optional

_files: dict[str, str] = {}


def use(files: Optional[dict[str, str]]) -> None:
    """Takes the files: path -> where the content is. Modules among them are imported from there."""
    _files.clear()
    _files.update(files or {})
    if _files and Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


def where(path: str) -> str:
    """The file that has the content of a path."""
    return _files.get(path, path)


def read(path: str) -> bytes:
    """The content of a path; tracebacks then show its lines."""
    with io.open(where(path), "rb") as file:
        data = file.read()
    if path in _files and path.endswith(".py"):
        lines = data.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache[path] = (len(data), None, lines, path)
    return data


@contextlib.contextmanager
def opened() -> Iterator[None]:
    """While it lasts, files that are opened for reading have their old content, too."""
    real = builtins.open
    if not _files:
        yield
        return

    def opening(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if isinstance(file, (str, os.PathLike)) and not set(mode) & set("wax+"):
            path = os.path.abspath(os.fspath(file))
            file = _files.get(path, file) if isinstance(path, str) else file
        return real(file, mode, *args, **kwargs)

    builtins.open = io.open = opening  # type: ignore[assignment]
    try:
        yield
    finally:
        builtins.open = io.open = real  # type: ignore[assignment]


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles what was kept; a cached .pyc is of what lies there now."""

    def get_data(self, path: str) -> bytes:
        return read(path)

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True)


class Finder:
    """Finds modules where they are found now, or were, and has their old content loaded."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        """The spec of a kept module; None for all others."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            return _spec(fullname, spec.origin) if spec.origin in _files else None
        for folder in sys.path if path is None else path:
            base = os.path.join(os.path.abspath(folder), fullname.rpartition(".")[2])
            for file in (os.path.join(base, "__init__.py"), base + ".py"):
                if file in _files:
                    return _spec(fullname, file)
            if spec is None and any(file.startswith(base + os.sep) for file in _files):
                spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
                spec.submodule_search_locations = [base]
                return spec
        return None


def _spec(fullname: str, file: str) -> Any:
    package = [os.path.dirname(file)] if os.path.basename(file) == "__init__.py" else None
    return importlib.util.spec_from_file_location(fullname, file, loader=_Loader(fullname, file), submodule_search_locations=package)
