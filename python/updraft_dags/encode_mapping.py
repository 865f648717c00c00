"""Mappings (expand, expand_kwargs) as JSON."""
from __future__ import annotations

from typing import Any

from updraft_dags import values
from updraft_dags.mapping import Dicts
from updraft_dags.xcomarg import PlainXComArg


def mapping(found: Any, to: Any, place: tuple[str, str], prefix: str) -> dict[str, Any]:
    """A mapping: expand or expand_kwargs."""
    name = "%smapping.value" % (place[1] + "." if place[1] else "")
    if isinstance(found, Dicts):
        return {"kwargs": _mapped(prefix.rstrip("."), found.value, to, (place[0], name))}
    return {"args": [_mapped(prefix + n, v, to, (place[0], "%s.%s" % (name, n))) for n, v in found.value.items()]}


def _mapped(name: str, value: Any, to: Any, place: tuple[str, str]) -> Any:
    out = {"name": name} if name else {}
    if isinstance(value, PlainXComArg):
        key = to.value(value, place)
        out["xcom"] = {"Task": key["task"], "Key": key["key"]}
    elif isinstance(value, dict):
        out["literal"] = to.value(value, place)
    elif isinstance(value, (list, tuple, set)):
        items = list(value) if not isinstance(value, set) else values.ordered(value)
        python = "op_kwargs" in name
        out["literal"] = [to.value(v, (place[0], "%s.%d" % (place[1], i)), python) for i, v in enumerate(items)]
    else:
        out["literal"] = to.value(value, place)
    return out
