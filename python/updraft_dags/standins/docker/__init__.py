"""Docker's package for Python, where it is not installed: the types that arguments of DockerOperator are made of."""
from __future__ import annotations

from typing import Any

__version__ = "0"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        "docker.%s is not there: Updraft has docker.types alone, for DockerOperator; install docker for the Python of the workers "
        "(pip install docker) to use it in a function" % name)
