"""pendulum.duration."""
from updraft_runner.spans import Duration  # noqa: F401
