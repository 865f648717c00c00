"""Values of the context that are asked for when they are used."""
from __future__ import annotations

import operator
from typing import Any, Callable, Optional

_UNKNOWN = object()


class Lazy:
    """Stands for a value that is found at its first use. As in Airflow it is not None, even
    if the value is: compare it with ==, or ask for its truth."""

    __slots__ = ("_find", "_found")

    def __init__(self, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_find", find)
        object.__setattr__(self, "_found", _UNKNOWN)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # isinstance must see the value's
        return type(plain(self))

    def __getattr__(self, name: str) -> Any:
        return getattr(plain(self), name)

    def __hash__(self) -> int:
        return hash(plain(self))

    def __reduce__(self) -> Any:
        return _same, (plain(self),)


def plain(value: Any) -> Any:
    """The value that a Lazy stands for; any other as it is."""
    if type(value) is not Lazy:
        return value
    if value._found is _UNKNOWN:
        object.__setattr__(value, "_found", value._find())
    return value._found


def _same(value: Any) -> Any:
    return value


def _one(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *rest: function(plain(self), *rest)


def _two(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: function(plain(self), plain(other))


def _turned(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: function(plain(other), plain(self))


for _name, _function in (("str", str), ("repr", repr), ("bool", bool), ("format", format)):
    setattr(Lazy, "__%s__" % _name, _one(_function))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Lazy, "__%s__" % _name, _two(getattr(operator, _name)))
for _name in ("add", "sub"):
    setattr(Lazy, "__%s__" % _name, _two(getattr(operator, _name)))
    setattr(Lazy, "__r%s__" % _name, _turned(getattr(operator, _name)))


def previous_success(ask: Callable[..., Any], parse: Callable[[Optional[str]], Any]) -> dict[str, Lazy]:
    """The variables about the last successful run; Go is asked for all at once."""
    answers: list[Any] = []

    def finding(field: str) -> Callable[[], Any]:
        def find() -> Any:
            if not answers:
                answers.append(ask("previous_success") or {})
            return parse(answers[0].get(field))
        return find
    return {"prev_%s_success" % field: Lazy(finding(field))
            for field in ("data_interval_start", "data_interval_end", "start_date", "end_date")}
