"""The base of hooks."""
from updraft_runner.secrets import BaseHook  # noqa: F401
