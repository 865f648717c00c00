"""Values that are no templates, whatever is in them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LiteralValue:
    """What literal makes."""

    value: Any

    def iter_references(self) -> tuple:
        """Nothing: it refers to no task."""
        return ()

    def resolve(self, context: Any) -> Any:
        """The value."""
        del context
        return self.value


def literal(value: Any) -> LiteralValue:
    """The value for a template field that is to be left as it is."""
    return LiteralValue(value)


def escaped(value: Any, native: bool) -> Any:
    """The value with texts in place of which rendering puts them as they are. With native,
    what comes out of an expression is read as a Python literal again."""
    if isinstance(value, str):
        text = str(value)
        return "{{ %r }}" % (repr(text) if native else text)
    if isinstance(value, dict):
        return {key: escaped(one, native) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([escaped(one, native) for one in value])
    return value
