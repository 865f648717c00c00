"""Values of authors as the JSON of Go's dag.EncodeValue: tagged where JSON has no such type."""
from __future__ import annotations

import datetime
import decimal
import enum
import functools
import math
import os
import sys
from typing import Any, Callable, Optional

from updraft_dags import assets, errors, names, template, times, xcomarg
from updraft_dags.params import DagParam, Param, ParamsDict
from updraft_runner import xcom
from updraft_runner.session import NOTSET

TAG = "__type"
_DERIVED = {"MapXComArg": "map", "ZipXComArg": "zip", "ConcatXComArg": "concat"}


class Encoder:
    """Writes values of one DAG. Functions that only the file can make are named by where
    they are: file, DAG id, task id and attribute."""

    def __init__(self, reading: Any, module: str, dag_id: str, native: bool = False) -> None:
        self.reading, self.file = reading, reading.relative
        self.module, self.dag_id, self.native = module, dag_id, native

    def value(self, value: Any, place: tuple[str, str], python: bool = False) -> Any:
        """The JSON form of a value; place is (task id, name). With python, the value goes to
        a Python function: tuples, sets and the like stay what they are."""
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is int:
            return value
        if kind is float:
            return value if math.isfinite(value) else {TAG: "float", "value": repr(value)}
        if kind is dict:
            return self._dict(value, place, python)
        if kind is list:
            return [self.value(v, _at(place, i), python) for i, v in enumerate(value)]
        found = self._known(value, place, python)
        return self.reference(value, place) if found is NOTSET else found

    def _dict(self, value: Any, place: tuple[str, str], python: bool) -> Any:
        if python and not all(isinstance(k, str) for k in value):
            return self.reference(value, place)
        out = {_key(k): self.value(v, _at(place, k), python) for k, v in value.items()}
        return {TAG: "dict", "items": out} if TAG in out else out

    def _known(self, value: Any, place: tuple[str, str], python: bool) -> Any:
        if isinstance(value, enum.Enum):
            return self.value(value.value, place, python)
        if isinstance(value, (tuple, set, frozenset)):
            return self._collection(value, place, python)
        if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
            if python and isinstance(value, datetime.date):
                return xcom.encode(value)
            return NOTSET if python and isinstance(value, datetime.time) else _date(value)
        if isinstance(value, (xcomarg.XComArg, xcomarg.MappedArgument)):
            return self._argument(value, place)
        if isinstance(value, template.LiteralValue):
            return self.literal(value, place, python)
        if isinstance(value, DagParam):
            return obj("airflow.sdk.definitions.param.DagParam", [value.name])
        if isinstance(value, (dict, ParamsDict)):
            return self._dict(value.dump() if isinstance(value, ParamsDict) else value, place, python)
        if isinstance(value, Param):
            return self.value(None if value.value is NOTSET else value.value, place, python)
        for plain in (str, int):
            if isinstance(value, plain):
                return plain(value)
        if isinstance(value, float):
            return self.value(float(value), place, python)
        own = getattr(value, "__updraft_value__", None)
        if own is not None and not isinstance(value, type):
            return self.value(own(), place, python)
        return self._other(value, place, python)

    def _other(self, value: Any, place: tuple[str, str], python: bool) -> Any:
        if isinstance(value, assets.BaseAsset) and not python:
            return asset_ref(value)
        if callable(value):
            return self.callable(value, place)
        if isinstance(value, decimal.Decimal):
            return {"__classname__": "decimal.Decimal", "__version__": 1, "__data__": str(value)} if python else str(value)
        if isinstance(value, os.PathLike) and not python:
            return os.fspath(value)
        if type(value).__name__ == "relativedelta" and not python:
            return obj("dateutil.relativedelta.relativedelta", [], relativedelta(value))
        if isinstance(value, list):
            return self.value(list(value), place, python)
        fields = kubernetes_fields(value, python)
        if fields is None:
            return NOTSET
        found = self.value(fields, place, python)
        # Texts in it are rendered on the way, and it is an object again for Python.
        return xcom.kubernetes(type(value), found) if python else found

    def _collection(self, value: Any, place: tuple[str, str], python: bool) -> Any:
        items = list(value)
        if isinstance(value, (set, frozenset)):
            items = ordered(items)
        out = [self.value(v, _at(place, i), python) for i, v in enumerate(items)]
        if not python:
            return out
        name = "tuple" if isinstance(value, tuple) else "frozenset" if isinstance(value, frozenset) else "set"
        return {"__classname__": "builtins." + name, "__version__": 1, "__data__": out}

    def _argument(self, value: Any, place: tuple[str, str]) -> Any:
        if isinstance(value, xcomarg.MappedArgument):
            return {TAG: "group_arg", "name": value.key}
        if isinstance(value, xcomarg.PlainXComArg):
            key = "" if value.key == xcomarg.RETURN_VALUE else value.key
            return {TAG: "xcom", "task": value.operator.task_id, "key": key}
        kind = _DERIVED[type(value).__name__]
        out = {TAG: "derived", "kind": kind, "callables": [], "fill": None, "filled": False}
        names = ["arg" if kind == "map" else "args.%d" % i for i in range(len(value.parts()))]
        out["of"] = [self.value(part, _at(place, name), True) for part, name in zip(value.parts(), names)]
        if kind == "map":
            out["callables"] = [self.callable(f, _at(place, "callables.%d" % i)) for i, f in enumerate(value.callables)]
        if kind == "zip" and value.fillvalue is not NOTSET:
            out.update(fill=self.value(value.fillvalue, _at(place, "fillvalue"), True), filled=True)
        return out

    def literal(self, value: template.LiteralValue, place: tuple[str, str], python: bool) -> Any:
        """What is no template, as one that says so."""
        return self.value(template.escaped(value.value, self.native), place, python)

    def callable(self, function: Callable[..., Any], place: tuple[str, str]) -> dict[str, Any]:
        """A function, tagged."""
        return {TAG: "callable", **self.named(function, place)}

    def named(self, function: Callable[..., Any], place: tuple[str, str]) -> Any:
        """A function as Go's dag.Callable."""
        path = self.import_path(function)
        return {"path": path} if path else self._found(place)

    def reference(self, value: Any, place: tuple[str, str]) -> dict[str, Any]:
        """An object that only the file can make, tagged as a callable."""
        del value
        return {TAG: "callable", **self._found(place)}

    def _found(self, place: tuple[str, str]) -> Any:
        task, name = place
        found = {"file": self.file, "name": name, "dag": self.dag_id}
        if task:
            found["task"] = task
        return found

    def import_path(self, function: Callable[..., Any]) -> Optional[str]:
        """The dotted path by which any process can import function; None if there is none."""
        if isinstance(function, functools.partial):
            return None
        module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
        if not module or not name or "<" in name or module == self.module or module == "__main__":
            return None
        if module.startswith("airflow.") and names.find(module, name, 2) is not None:
            return "%s.%s" % (module, name)  # a function of ours, where Airflow has it
        holder = found = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not function or not self.reading.is_importable(module, getattr(holder, "__file__", None)):
            return None
        return "%s.%s" % (module, name)


def obj(name: str, args: Any, kwargs: Optional[dict[str, Any]] = None) -> dict[str, Any]:
    """A tagged object."""
    return {TAG: "object", "class": name, "args": args, "kwargs": kwargs or {}}


def _at(place: tuple[str, str], name: str) -> Any:
    return (place[0], "%s.%s" % (place[1], name) if place[1] else str(name))


def _key(key: str) -> str:
    if isinstance(key, str):
        return str(getattr(key, "value", key))
    if key is None or isinstance(key, (bool, int, float)):
        return str(key)
    raise errors.SerializationError("a dict has a key of type %s: use text" % type(key).__name__)


def ordered(items: Any) -> list[Any]:
    """The items of a set in an order that does not depend on the hash seed."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=repr)


def _date(value: Any) -> Any:
    if isinstance(value, datetime.timedelta):
        return {TAG: "timedelta", "microseconds": (value.days * 86400 + value.seconds) * 1000000 + value.microseconds}
    if isinstance(value, datetime.datetime):
        return {TAG: "datetime", "value": times.rfc3339(value), "zone": times.zone_name(value.tzinfo)}
    if isinstance(value, datetime.date):
        return obj("datetime.date", [value.year, value.month, value.day])
    return obj("datetime.time", [value.hour, value.minute, value.second, value.microsecond],
               {"tzinfo": times.zone_name(value.tzinfo)} if value.tzinfo is not None else {})


_PLURAL = ("years", "months", "days", "leapdays", "hours", "minutes", "seconds", "microseconds")
_SINGULAR = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def relativedelta(value: Any) -> Any:
    """The fields of a dateutil relativedelta that say something."""
    out = {n: getattr(value, n) for n in _PLURAL if getattr(value, n, 0)}
    out.update((n, getattr(value, n)) for n in _SINGULAR if getattr(value, n, None) is not None)
    weekday = getattr(value, "weekday", None)
    if weekday is not None:
        out["weekday"] = {"day": weekday.weekday, **({"nth": weekday.n} if weekday.n else {})}
    return out


def kubernetes_fields(value: Any, python: bool) -> Optional[dict[str, Any]]:
    """The fields of an object of Kubernetes' client, the real one's or our stand-in's, by Python's names or by those of its
    API; None for others."""
    names = getattr(type(value), "attribute_map", None)
    if not isinstance(names, dict) or not hasattr(value, "to_dict"):
        return None
    given = {field if python else key: getattr(value, field, None) for field, key in names.items()}
    return {key: one for key, one in given.items() if one is not None}


def asset_ref(asset: Any) -> Any:
    """An asset as Go's dag.AssetRef."""
    if isinstance(asset, assets.AssetAlias):
        return {"alias": asset.name}
    if isinstance(asset, (assets.AssetNameRef, assets.AssetUriRef)):
        asset = assets.known(asset) or asset
    if isinstance(asset, assets.AssetNameRef):
        return {"name": asset.name}
    if isinstance(asset, assets.AssetUriRef):
        return {"uri": asset.uri}
    if not isinstance(asset, assets.Asset):
        raise errors.SerializationError("%r is no asset" % (asset,))
    out = {"name": asset.name, "uri": asset.uri, "group": asset.group}
    if asset.extra:
        out["extra"] = {str(k): v for k, v in asset.extra.items()}
    return out
