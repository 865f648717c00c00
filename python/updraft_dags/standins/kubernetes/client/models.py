"""The objects of Kubernetes' API: V1Pod, and all that pods are made of."""
from __future__ import annotations

import pprint
from typing import Any

from kubernetes._refuse import refusal
from kubernetes.client._table import TABLE

_UPPER = frozenset(("id", "ip", "uri", "uuid", "ipc", "pid", "fqdn"))
_ODD = {"downward_api": "downwardAPI", "scale_io": "scaleIO", "target_ww_ns": "targetWWNs"}


def _camel(name: str) -> str:
    """A field's name in the API."""
    if name in _ODD:
        return _ODD[name]
    first, *others = name.lstrip("_").split("_")
    return first + "".join(word.upper() if word in _UPPER else word.capitalize() for word in others)


class Model:
    """An object: its fields are attributes, None where they are not given."""

    # Python's names of the fields, in the order of the parameters, and those of the API.
    attribute_map: dict[str, str] = {}
    _required: frozenset[str] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("local_vars_configuration", None)
        name = type(self).__name__
        if len(args) > len(self.attribute_map):
            raise TypeError("%s() takes at most %d arguments (%d given)" % (name, len(self.attribute_map), len(args)))
        given = dict(zip(self.attribute_map, args))
        for field, value in kwargs.items():
            if field not in self.attribute_map:
                raise TypeError("%s() got an unexpected keyword argument %r" % (name, field))
            if field in given:
                raise TypeError("%s() got multiple values for argument %r" % (name, field))
            given[field] = value
        for field in self.attribute_map:
            setattr(self, field, given.get(field))

    def __setattr__(self, field: str, value: Any) -> None:
        if value is None and field in self._required:
            raise ValueError("Invalid value for `%s`, must not be `None`" % field.lstrip("_"))
        super().__setattr__(field, value)

    def to_dict(self, serialize: bool = False) -> dict[str, Any]:
        """The fields, by Python's names or, serialized, by the API's; objects in them as dicts."""
        return {self.attribute_map[field] if serialize else field: _plain(getattr(self, field), serialize) for field in self.attribute_map}

    def to_str(self) -> str:
        """The fields as text."""
        return pprint.pformat(self.to_dict())

    __repr__ = to_str

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]


def _plain(value: Any, serialize: bool) -> Any:
    if isinstance(value, Model):
        return value.to_dict(serialize)
    if isinstance(value, (list, tuple)):
        return [_plain(one, serialize) for one in value]
    if isinstance(value, dict):
        return {key: _plain(one, serialize) for key, one in value.items()}
    return value


def _classes() -> dict[str, type]:
    found = {}
    for line in TABLE.replace("\n    ", " ").strip().splitlines():
        name, *fields = line.split()
        names = [field.rstrip("!") for field in fields]
        found["V1" + name] = type("V1" + name, (Model,), {
            "__module__": __name__, "__doc__": "%s of Kubernetes' API." % name,
            "attribute_map": {field: _camel(field) for field in names},
            "_required": frozenset(field.rstrip("!") for field in fields if field.endswith("!"))})
    return found


_made = _classes()
globals().update(_made)
__all__ = list(_made)  # noqa: PLE0604  of texts
__getattr__ = refusal(__name__)
