"""What DAGs and tasks have in common in their JSON."""
from __future__ import annotations

import os
from typing import Any

from updraft_runner.session import NOTSET


def put(out: dict[str, Any], name: str, value: Any) -> None:
    """Go leaves empty fields out; so do we."""
    if value:
        out[name] = value


def doc(text: str, fileloc: str) -> Any:
    """Documentation; a name that ends in .md is that of a file beside the DAG file."""
    if not text or not isinstance(text, str) or not text.endswith(".md"):
        return text and str(text)
    path = os.path.join(os.path.dirname(fileloc), text)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(1 << 20)
    except OSError:
        return text


def params(found: Any, to: Any, place: tuple[str, str], own: bool = False) -> Any:
    """Params; those of a task without what it has from its DAG."""
    out = []
    for name, param in found.items():
        if param.source == "dag" and not own:
            continue
        entry = {"name": str(name), "default": to.value(None if param.value is NOTSET else param.value, place)}
        put(entry, "description", param.description and str(param.description))
        schema = dict(param.schema)
        put(entry, "schema", to.value(schema, place))
        out.append(entry)
    return out
