"""Variables."""
from updraft_runner.secrets import Variable  # noqa: F401
