"""pendulum.datetime: the module beside the function of that name."""
from updraft_runner.times import DateTime  # noqa: F401
