"""XCom values: JSON, and Airflow's tagged form for what JSON lacks.

A tagged value is {"__classname__", "__version__", "__data__"}. The names and
versions are those of Airflow 3, so that either side reads the other's.
"""
from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import os
import sys
from fnmatch import fnmatchcase
from typing import Any

from updraft_runner import lazy, times

# Objects of its client; the real one has each in a module of its own below this.
_KUBERNETES = "kubernetes.client.models."
CLASS, VERSION, DATA = "__classname__", "__version__", "__data__"
_FIXED = "pendulum.tz.timezone.FixedTimezone"
_NAMED = "pendulum.tz.timezone.Timezone"
_PENDULUM = "pendulum.datetime.DateTime"
# A value that only executing its DAG file makes: see dag.Callable.
_CALLABLE = "updraft.Callable"


class NotStorable(TypeError):
    """A value that XCom cannot hold; the message says where it is."""


class NotReadable(TypeError):
    """A stored value whose Python type is unknown or not allowed."""


def encode(value: Any, where: str = "value") -> Any:
    """The JSON form of a value; where names it in errors, as `return_value`."""
    kind = type(value)
    if value is None or kind is bool or kind is int or kind is str:
        return value
    if kind is float:
        return _float(value, where)
    if kind is lazy.Lazy:
        return encode(lazy.plain(value), where)
    if kind is list:
        return [encode(v, "%s[%d]" % (where, i)) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return _dict(value, where)
    if isinstance(value, list):
        return [encode(v, "%s[%d]" % (where, i)) for i, v in enumerate(value)]
    if isinstance(value, enum.Enum):
        if isinstance(value, (int, float, str)):
            return encode(value.value, where)
    elif isinstance(value, (tuple, set, frozenset)):
        return _collection(value, where)
    tagged = _tagged(value, kind, where)
    if tagged is not None:
        return tagged
    # Subclasses of the plain types are stored as these.
    for plain in (int, str):
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, float):
        return _float(float(value), where)
    return _custom(value, kind, where)


def decode(value: Any, own: Any = ()) -> Any:
    """The Python value of a JSON form. Only types named here, in `own`
    modules or in AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES are built."""
    if isinstance(value, list):
        return [decode(v, own) for v in value]
    if not isinstance(value, dict):
        return value
    if CLASS not in value or VERSION not in value:
        return {k: decode(v, own) for k, v in value.items()}
    return _untag(value[CLASS], value.get(DATA), own)


def qualname(kind: Any) -> str:
    """The dotted name of a type."""
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def _float(value: Any, where: str) -> Any:
    if math.isfinite(value):
        return value
    raise NotStorable("%s is %r, which JSON lacks: return None or text instead" % (where, value))


def _dict(value: Any, where: str) -> dict[str, Any]:
    if CLASS in value or "__id__" in value:
        raise NotStorable("%s has the reserved key %s" % (where, CLASS if CLASS in value else "__id__"))
    return {str(k): encode(v, "%s[%r]" % (where, k)) for k, v in value.items()}


def _collection(value: Any, where: str) -> Any:
    kind = "tuple" if isinstance(value, tuple) else type(value).__name__
    if kind not in ("tuple", "set", "frozenset"):
        kind = "set" if isinstance(value, set) else "frozenset"
    return _tag("builtins." + kind, 1, [encode(v, "%s[%d]" % (where, i)) for i, v in enumerate(value)])


def _tag(name: str, version: Any, data: Any) -> dict[str, Any]:
    return {CLASS: name, VERSION: version, DATA: data}


def _tagged(value: Any, kind: Any, where: str) -> Any:
    """The tagged form of a type we know; None for others."""
    if isinstance(value, datetime.datetime):
        name = _PENDULUM if kind is times.DateTime else qualname(kind)
        if not name.startswith("pendulum."):
            name = "datetime.datetime"  # pandas.Timestamp and the like
        return _tag(name, 2, {"timestamp": value.timestamp(), "tz": _zone(value)})
    if isinstance(value, datetime.date):
        name = qualname(kind) if kind.__module__.startswith("pendulum") else "datetime.date"
        return _tag(name, 2, value.isoformat())
    if isinstance(value, datetime.timedelta):
        return _tag("datetime.timedelta", 2, value.total_seconds())
    if isinstance(value, decimal.Decimal):
        whole = value.is_finite() and value.as_tuple().exponent >= 0
        return _tag("decimal.Decimal", 1, int(value) if whole else str(value))
    uuid = sys.modules.get("uuid")
    if uuid is not None and isinstance(value, uuid.UUID):
        return _tag("uuid.UUID", 1, str(value))
    zoneinfo = sys.modules.get("zoneinfo")
    if zoneinfo is not None and isinstance(value, zoneinfo.ZoneInfo):
        return _tag("zoneinfo.ZoneInfo", 1, str(value))
    if kind.__module__.split(".")[0] == "numpy":
        return _numpy(value, kind, where)
    return None


def _zone(value: Any) -> Any:
    """The zone of a datetime, as Airflow writes it: a tagged tuple."""
    tz = value.tzinfo
    if tz is None:
        return None
    name = getattr(tz, "key", None) or getattr(tz, "name", None) or getattr(tz, "zone", None)
    offset = value.utcoffset()
    if isinstance(tz, datetime.timezone) or not isinstance(name, str):
        seconds = int(offset.total_seconds())
        parts = ["UTC" if seconds == 0 else seconds, _FIXED]
    else:
        zoneinfo = type(tz).__module__.split(".")[0] == "zoneinfo"
        parts = [name, "zoneinfo.ZoneInfo" if zoneinfo else _NAMED]
    return _tag("builtins.tuple", 1, parts + [1, True])


def _numpy(value: Any, kind: Any, where: str) -> Any:
    if not hasattr(value, "item"):
        return None
    if getattr(value, "shape", ()) != ():
        raise NotStorable("%s is a %s: return %s.tolist() instead" % (where, qualname(kind), where))
    plain = value.item()
    if isinstance(plain, (bool, int)):
        return _tag(qualname(kind), 1, plain)
    if isinstance(plain, float):
        return _tag(qualname(kind), 1, _float(plain, where))
    return encode(plain, where)


def _custom(value: Any, kind: Any, where: str) -> Any:
    own = getattr(value, "serialize", None)
    version = getattr(kind, "__version__", 0)
    if callable(own) and not isinstance(value, type):
        return _tag(qualname(kind), version, encode(own(), where))
    if dataclasses.is_dataclass(kind):
        return _tag(qualname(kind), version, encode(dataclasses.asdict(value), where))
    if hasattr(kind, "__attrs_attrs__"):
        fields = {a.name: getattr(value, a.name) for a in kind.__attrs_attrs__ if a.init}
        return _tag(qualname(kind), version, encode(fields, where))
    remedy = {
        "bytes": "return text, base64 for example",
        "bytearray": "return text, base64 for example",
        "generator": "return list(...) of it",
        "DataFrame": "return its to_dict('records'), or write a file and return its path",
        "Series": "return its tolist()",
    }.get(kind.__name__, "return plain values (text, numbers, lists, dicts) or a dataclass")
    raise NotStorable("%s is of type %s, which XCom cannot hold: %s" % (where, qualname(kind), remedy))


_BUILT = {
    "builtins.tuple": tuple, "builtins.set": set, "builtins.frozenset": frozenset,
    "decimal.Decimal": lambda data: decimal.Decimal(str(data)),
    "datetime.date": lambda data: datetime.date.fromisoformat(data),
    "pendulum.date.Date": lambda data: datetime.date.fromisoformat(data),
    "datetime.timedelta": lambda data: datetime.timedelta(seconds=float(data)),
    "zoneinfo.ZoneInfo": times.zone, _NAMED: times.zone,
    _FIXED: lambda data: _read_zone([data, _FIXED]),
}


def _untag(name: str, data: Any, own: Any) -> Any:
    if name in ("datetime.datetime", _PENDULUM):
        return _read_datetime(name, data)
    if name == _CALLABLE:
        from updraft_runner import objects
        return objects.value(data)
    if name.startswith(_KUBERNETES):
        return _read_kubernetes(name, decode(data, own))
    if name in _BUILT:
        return _BUILT[name](decode(data, own))
    if name == "uuid.UUID":
        import uuid
        return uuid.UUID(data)
    if name.startswith("numpy."):
        return _read_numpy(name, data)
    return _read_custom(name, decode(data, own), own)


def kubernetes(kind: Any, fields: dict[str, Any]) -> Any:
    """The JSON form of an object of Kubernetes' client, whose fields are in theirs."""
    return _tag(_KUBERNETES + kind.__name__, 1, fields)


def _read_kubernetes(name: str, fields: Any) -> Any:
    import importlib
    return getattr(importlib.import_module(_KUBERNETES[:-1]), name[len(_KUBERNETES):])(**fields)


def _read_datetime(name: str, data: Any) -> Any:
    if not isinstance(data, dict):
        return datetime.datetime.fromtimestamp(float(data), tz=times.UTC)
    tz = data.get("tz")
    if isinstance(tz, dict):
        tz = tz.get(DATA)
    tz = _read_zone(tz) if tz else None
    moment = datetime.datetime.fromtimestamp(float(data["timestamp"]), tz=tz)
    return times.of(moment) if name == _PENDULUM else moment


def _read_zone(parts: Any) -> Any:
    if isinstance(parts, str):  # version 1 wrote the bare name
        return times.zone(parts)
    if isinstance(parts[0], str):
        return times.zone(parts[0]) if parts[0] else times.UTC
    return datetime.timezone(datetime.timedelta(seconds=parts[0]))


def _read_numpy(name: str, data: Any) -> Any:
    try:
        import numpy
    except ImportError:
        return data  # the plain number is the best there is here
    kind = getattr(numpy, name.split(".", 1)[1], None)
    return kind(data) if isinstance(kind, type) and issubclass(kind, numpy.generic) else data


def _allowed(name: str, own: Any) -> Any:
    patterns = os.environ.get("AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES", "airflow.*").split()
    return name.rpartition(".")[0] in own or any(fnmatchcase(name, p) for p in patterns)


def _read_custom(name: str, data: Any, own: Any) -> Any:
    if not _allowed(name, own):
        raise NotReadable(
            "an XCom of type %s is not allowed here: add it to "
            "AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES, or pass plain values" % name)
    import importlib
    module, _, attribute = name.rpartition(".")
    kind = getattr(importlib.import_module(module), attribute)
    if hasattr(kind, "deserialize"):
        return kind.deserialize(data, getattr(kind, "__version__", 0))
    if dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__"):
        return kind(**data)
    raise NotReadable("an XCom of type %s cannot be read: it is no dataclass" % name)
