"""The running task instance, for annotations."""
from updraft_runner.context import TaskInstance  # noqa: F401
