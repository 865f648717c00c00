"""The run, for annotations."""
from updraft_runner.context import DagRun  # noqa: F401
