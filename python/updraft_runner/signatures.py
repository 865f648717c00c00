"""What a function takes and says of its types, whether or not its annotations can be evaluated.

From Python 3.14 on they are evaluated when somebody asks, and may name what only a type checker
sees: a file that Airflow loads must not fail because we looked.
"""
from __future__ import annotations

import inspect
import sys
from typing import Any, Callable

if sys.version_info >= (3, 14):
    import annotationlib

    def of(function: Callable[..., Any]) -> inspect.Signature:
        """The signature; annotations in it are texts."""
        return inspect.signature(function, annotation_format=annotationlib.Format.STRING)

    def annotations(function: Callable[..., Any]) -> dict[str, Any]:
        """The annotations; one that cannot be evaluated stands for itself."""
        try:
            return annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)
        except TypeError:  # it is no function
            return {}
else:
    of = inspect.signature

    def annotations(function: Callable[..., Any]) -> dict[str, Any]:
        """The annotations."""
        return getattr(function, "__annotations__", {})
