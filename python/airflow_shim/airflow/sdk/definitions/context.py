"""The context of the running task."""
from typing import Any, Dict

from updraft_runner.session import get_current_context  # noqa: F401

Context = Dict[str, Any]
