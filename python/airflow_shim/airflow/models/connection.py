"""Connections."""
from updraft_runner.secrets import Connection  # noqa: F401
