"""What is said of all that is not there."""
from __future__ import annotations

from typing import Any, Callable


def refusal(module: str) -> Callable[[str], Any]:
    """A module's __getattr__. It raises what an import raises, so that its words are seen there as well."""
    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(
            "%s.%s is not there: Updraft has the objects that pods are made of, and no client: install kubernetes for the Python of "
            "the workers (pip install kubernetes), or leave it to KubernetesPodOperator" % (module, name), name=module)
    return missing
