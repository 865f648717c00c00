"""Macros."""
from updraft_runner.macros import *  # noqa: F401,F403
