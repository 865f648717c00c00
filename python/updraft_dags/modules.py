"""Executes a DAG file as Airflow does, and notes which files that took."""
from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import types
import zipfile
from typing import Any, Optional

from updraft_runner import kept


# A DAG file, or one in a zip, that is larger than this is no source of anybody's.
LARGEST = 16 << 20


class Reading:
    """The reading of one file: a .py, or a .zip with .py files at its top."""

    def __init__(self, path: str, folder: str, plugins: Optional[str] = None) -> None:
        self.path, self.folder, self.plugins = path, folder, plugins
        self.relative = os.path.relpath(path, folder).replace(os.sep, "/") if self._inside(path) else path
        self._content = kept.where(path)
        self._opened = set()

    def _inside(self, path: str) -> bool:
        roots = [self.folder] + ([self.plugins] if self.plugins else [])
        return any(path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)

    def is_local(self, filename: str) -> Any:
        """Whether a file is the author's: the file itself, or in the DAG or plugin folder."""
        return filename == self.path or filename.startswith(self.path + os.sep) or self._inside(filename)

    def is_importable(self, module: str, filename: str) -> bool:
        """Whether another process finds a module by its name: an installed one, or one
        below the DAG or plugin folder, but not in a folder or zip beside the DAG file."""
        if filename is None or not self.is_local(filename):
            return True
        stem = os.path.splitext(filename)[0]
        if os.path.basename(stem) == "__init__":
            stem = os.path.dirname(stem)
        wanted = module.replace(".", os.sep)
        return any(stem == os.path.join(root, wanted) for root in (self.folder, self.plugins) if root)

    def source(self) -> Any:
        """The text of the file; empty for a zip."""
        if zipfile.is_zipfile(self.path):
            return ""
        with open(self.path, encoding="utf-8") as file:
            return file.read(LARGEST)

    def execute(self) -> Any:
        """Executes the file; returns the modules it is."""
        sys.addaudithook(self._note)
        for folder in (self.folder, self.plugins, os.path.dirname(self.path)):
            if folder and folder not in sys.path:
                sys.path.append(folder)
        if zipfile.is_zipfile(self._content):
            return self._zip()
        if os.path.getsize(self._content) > LARGEST:
            raise ValueError("the file has more than %d bytes" % LARGEST)
        return [_run(module_name(self.path), self.path, kept.read(self.path))]

    def _zip(self) -> Any:
        sys.path.insert(0, self._content)
        found = []
        with zipfile.ZipFile(self._content) as archive:
            names = [i.filename for i in archive.infolist()
                     if "/" not in i.filename and i.filename.endswith((".py", ".pyc")) and i.filename != "__init__.py"]
            sources = {n: archive.read(n) for n in names if n.endswith(".py")}
        for name, data in sources.items():
            if b"dag" not in data.lower() or b"airflow" not in data.lower():
                continue
            stem = os.path.splitext(name)[0]
            sys.modules.pop(stem, None)
            found.append(importlib.import_module(stem))
        return found

    def _note(self, event: str, args: Any) -> None:
        if event == "open" and args and isinstance(args[0], str) and len(self._opened) < 10000:
            self._opened.add(args[0])

    def files(self) -> list[Any]:
        """The absolute paths of the local modules that were imported and files that were read."""
        found = {os.path.abspath(name) for name in self._opened}
        for module in list(sys.modules.values()):
            name = getattr(module, "__file__", None)
            if isinstance(name, str):
                found.add(os.path.abspath(name))
        found.discard(self.path)
        return sorted(f for f in found if self._inside(f) and not f.endswith(".pyc") and os.path.isfile(f))


def module_name(path: str) -> str:
    """The name under which a DAG file is executed: like none that could be imported."""
    stem = os.path.splitext(os.path.basename(path))[0]
    return "unusual_prefix_%s_%s" % (hashlib.sha1(path.encode("utf-8", "surrogateescape")).hexdigest(), stem)


def _run(name: str, path: str, data: bytes) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec) if spec is not None else types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    code = compile(data, path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module
