"""The context of the running task."""
from updraft_runner.session import get_current_context  # noqa: F401
