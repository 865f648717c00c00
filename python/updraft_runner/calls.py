"""From a call's description to the callable and its arguments."""
from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.util
import json
import linecache
import os
import sys
from typing import Any, Callable

from updraft_runner import signatures


class CannotLoad(Exception):
    """The callable that the DAG names does not exist."""


class _Fresh(importlib.machinery.SourceFileLoader):
    """Compiles the source each time: a cached .pyc is told from its source by
    whole seconds and size, which is not enough for a file being edited."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True)


def load(what: dict[str, Any], own_modules: set[str]) -> Any:
    """The callable of {"path"}, {"file", "name"}, {"lambda"} or {"file", "dag", "task", "name"}."""
    if what.get("lambda"):
        return _lambda(what["lambda"])
    if what.get("dag"):
        return _from_dag(what, own_modules)
    if what.get("file"):
        return _from_file(what["file"], what.get("name", ""), own_modules)
    return _from_path(what.get("path", ""), own_modules)


def _lambda(source: str) -> Any:
    name = "<lambda of the DAG>"
    text = source.strip()
    linecache.cache[name] = (len(text), None, [text + "\n"], name)
    found = eval(compile(text, name, "eval"), {"__name__": "updraft_lambda"})
    if not callable(found):
        raise CannotLoad("%r is no lambda but %r" % (text, found))
    return found


def _from_file(path: str, name: str, own_modules: set[str]) -> Any:
    if not os.path.isabs(path):
        raise CannotLoad("the file %r of the callable %r is not an absolute path" % (path, name))
    if not os.path.isfile(path):
        raise CannotLoad("the file %r of the callable %r does not exist" % (path, name))
    stem = os.path.splitext(os.path.basename(path))[0]
    # Unlike any name that could be imported, and the same for each attempt.
    unique = "unusual_prefix_%s_%s" % (hashlib.sha1(path.encode("utf-8", "surrogateescape")).hexdigest(), stem)
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.append(folder)
    loader = _Fresh(unique, path)
    spec = importlib.util.spec_from_loader(unique, loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    own_modules.add(unique)
    loader.exec_module(module)
    return _attribute(module, name, path)


def _from_dag(what: dict[str, Any], own_modules: set[str]) -> Any:
    from updraft_runner import objects
    found = objects.find(what, own_modules)
    if not callable(found):
        raise CannotLoad("%s of %s is no callable but a %s" % (what.get("name"), what.get("task") or what["dag"], type(found).__name__))
    return found


def _from_path(path: str, own_modules: set[str]) -> Any:
    parts = path.split(".")
    if len(parts) < 2 or not all(parts):
        raise CannotLoad("%r is no import path such as package.module.function" % path)
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # Only when it is this very name: module.Class.method is tried
            # with less, but what a module fails to import is its own error.
            if end > 1 and error.name is not None and (name + ".").startswith(error.name + "."):
                continue
            raise
        own_modules.add(name)
        return _attribute(module, ".".join(parts[end:]), name)
    raise CannotLoad("%r cannot be imported" % path)


def _attribute(module: Any, name: str, where: str) -> Any:
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            import difflib
            near = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")], 1)
            hint = ": did you mean %r?" % near[0] if near else ""
            raise CannotLoad("%s has no %r%s" % (where, name, hint))
        found = getattr(found, part)
    if not callable(found):
        raise CannotLoad("%r of %s is no callable but a %s" % (name, where, type(found).__name__))
    return found


def arguments(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments for function(*args, ...): op_kwargs over the
    context, reduced to what the function names unless it takes **kwargs."""
    given = dict(context)
    given.update(kwargs)
    try:
        parameters = signatures.of(function).parameters
    except (TypeError, ValueError):
        return kwargs  # a builtin without a signature is given what it was promised
    positional = [p for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for parameter in positional[:len(args)]:
        if parameter.name in given:
            raise ValueError(
                "the positional argument %d of op_args fills %r, which is also a name of the context "
                "or of op_kwargs: rename the parameter or leave it out of op_args"
                % (positional.index(parameter) + 1, parameter.name))
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return given
    named = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {name: given[name] for name in named if name in given}


class Response:
    """An HTTP answer for response_check and response_filter, with the
    attributes of requests.Response that these use."""

    def __init__(self, fields: dict[str, Any]) -> None:
        import base64
        self.status_code = fields.get("status_code", 0)
        self.reason = fields.get("reason", "")
        self.url = fields.get("url", "")
        self.headers = Headers(fields.get("headers") or {})
        self.content = base64.b64decode(fields.get("body") or "")
        self.encoding = fields.get("encoding") or "utf-8"
        self.cookies = fields.get("cookies") or {}

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(self.encoding, "replace")

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    def json(self, **options: Any) -> Any:
        """The body as JSON."""
        return json.loads(self.content, **options)

    def raise_for_status(self) -> None:
        """Raises for a status from 400 on."""
        if not self.ok:
            raise OSError("%d %s for url: %s" % (self.status_code, self.reason, self.url))

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return "<Response [%d]>" % self.status_code


class Headers(dict):
    """Headers whose names have no case."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self._lower = {name.lower(): name for name in fields}

    def __getitem__(self, name: Any) -> Any:
        return super().__getitem__(self._lower.get(name.lower(), name))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._lower

    def get(self, name: Any, default: Any = None) -> Any:
        """The header's value or default."""
        return self[name] if name in self else default
