"""Airflow's exceptions."""
from updraft_runner.exceptions import *  # noqa: F401,F403
