"""Params: values a run may be given, with JSON Schema."""
from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Optional

from updraft_dags import errors
from updraft_runner.session import NOTSET


class Param:
    """A default, a description, and JSON Schema as keyword arguments."""

    CLASS_IDENTIFIER = "__class"

    def __init__(self, default: Any = NOTSET, description: Any = None, source: Any = None, **kwargs: Any) -> None:
        self.value = default
        self.description = description
        self.source = source
        self.schema = kwargs.pop("schema") if "schema" in kwargs else kwargs

    @property
    def has_value(self) -> Any:
        """Whether there is a default."""
        return self.value is not NOTSET and self.value is not None

    def resolve(self, value: Any = NOTSET, suppress_exception: bool = False) -> Any:
        """The value, or the default; ParamValidationError if it does not fit."""
        found = self.value if value is NOTSET else value
        if found is NOTSET:
            if suppress_exception:
                return None
            raise errors.ParamValidationError("No value passed and Param has no default value")
        problem = misfit(found, self.schema)
        if problem and not suppress_exception:
            raise errors.ParamValidationError(problem)
        self.value = found
        return found

    def dump(self) -> dict[str, Any]:
        """As a dict."""
        return {"value": self.value, "schema": self.schema, "description": self.description, "source": self.source}

    def copy(self, source: Any) -> Any:
        """The same, from elsewhere."""
        out = Param(self.value, self.description, source)
        out.schema = dict(self.schema)
        return out


class ParamsDict(MutableMapping):
    """Params by name; what is put in becomes a Param, what is taken out is a value."""

    def __init__(self, dict_obj: Any = None, suppress_exception: bool = False) -> None:
        self._params = {}
        self.suppress_exception = suppress_exception
        for name, value in (dict_obj or {}).items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(value, Param):
            value = Param(value)
        self._params[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._params[name].resolve(suppress_exception=self.suppress_exception)

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Any:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, name: str) -> bool:
        return name in self._params

    def __eq__(self, other: Any) -> bool:
        return self.dump() == (other.dump() if isinstance(other, ParamsDict) else other)

    def __repr__(self) -> str:
        return "ParamsDict(%r)" % (self._params,)

    def get_param(self, name: str) -> Any:
        """The Param itself."""
        return self._params[name]

    def items(self) -> Any:
        """Names and Params."""
        return self._params.items()

    def values(self) -> Any:
        """The Params."""
        return self._params.values()

    def update(self, *others: Any, **kwargs: Any) -> None:
        """Adds what a mapping has, replacing what is there."""
        for other in others + (kwargs,):
            for name, value in other.items():
                self[name] = value

    def update_from_dag(self, params: Any) -> None:
        """Adds a DAG's params, marked as such: they are not the task's own."""
        for name, param in params.items():
            self._params[name] = param.copy("dag")

    def dump(self) -> dict[str, Any]:
        """Names and values; what has none is left out."""
        return {name: param.value for name, param in self._params.items() if param.value is not NOTSET}

    def validate(self) -> Any:
        """Resolves all; ParamValidationError names the one that does not fit."""
        for name, param in self._params.items():
            try:
                param.resolve()
            except errors.ParamValidationError as error:
                raise errors.ParamValidationError("Invalid input for param %s: %s" % (name, error)) from None
        return self.dump()


_TYPES = {
    "string": str, "array": (list, tuple), "object": dict, "null": type(None), "boolean": bool,
    "integer": int, "number": (int, float),
}


def misfit(value: Any, schema: dict[str, Any]) -> Optional[str]:
    """What is wrong with a value by the parts of JSON Schema that can be told without a
    library: type, enum, const, bounds and lengths. Go checks all of it when a run is made."""
    types = schema.get("type")
    if types is not None:
        names = [types] if isinstance(types, str) else list(types)
        if not any(_is(value, name) for name in names):
            return "%r is not of type %s" % (value, ", ".join(repr(n) for n in names))
    if "enum" in schema and value not in schema["enum"]:
        return "%r is not one of %r" % (value, list(schema["enum"]))
    if "const" in schema and value != schema["const"]:
        return "%r was expected" % (schema["const"],)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            return "%r is less than the minimum of %r" % (value, schema["minimum"])
        if "maximum" in schema and value > schema["maximum"]:
            return "%r is greater than the maximum of %r" % (value, schema["maximum"])
    if isinstance(value, str):
        if "minLength" in schema and len(value) < schema["minLength"]:
            return "%r is too short" % value
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            return "%r is too long" % value
    return None


def _is(value: Any, name: str) -> Any:
    if name not in _TYPES:
        return True
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


class DagParam:
    """An argument of a @dag function: the run's param of that name, while tasks run."""

    def __init__(self, current_dag: Any, name: str, default: Any = NOTSET) -> None:
        if default is not NOTSET:
            current_dag.params[name] = default
        self.dag, self.name, self.default = current_dag, name, default

    def iter_references(self) -> Any:
        """It needs no task."""
        return ()

    def __str__(self) -> str:
        return "{{ params.%s }}" % self.name

    def __repr__(self) -> str:
        return str(self)
