"""Trigger rules, weight rules and states."""
from __future__ import annotations

import enum
from typing import Any

from updraft_dags import mode


class _Text(str, enum.Enum):
    def __str__(self) -> str:
        return self.value

    @classmethod
    def all_values(cls) -> list[Any]:
        """All values, in order."""
        return [member.value for member in cls]


class _Rules(enum.EnumMeta):
    def __getattr__(cls, name: str) -> Any:
        here = mode.current()
        new = None if here.strict else OLD_RULES.get(name.lower())
        if new is None:
            raise AttributeError(name)
        here.old("TriggerRule." + name)
        return cls(new)


class TriggerRule(_Text, metaclass=_Rules):
    """Which states of the tasks before let a task run."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALL_SKIPPED = "all_skipped"

    @classmethod
    def is_valid(cls, rule: Any) -> bool:
        """Whether there is such a rule."""
        return rule in cls.all_triggers()

    @classmethod
    def all_triggers(cls) -> set[str]:
        """All rules, as a set."""
        return set(cls.all_values())


# What 2.x also took, and what it meant.
OLD_RULES = {"dummy": "always", "none_failed_or_skipped": "none_failed_min_one_success"}


class WeightRule(_Text):
    """How priority weights add up."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"

    @classmethod
    def is_valid(cls, rule: Any) -> bool:
        """Whether there is such a rule."""
        return rule in cls.all_weight_rules()

    @classmethod
    def all_weight_rules(cls) -> set[str]:
        """All rules, as a set."""
        return set(cls.all_values())


class TaskInstanceState(_Text):
    """The states of a task instance."""

    REMOVED = "removed"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"
    DEFERRED = "deferred"


class DagRunState(_Text):
    """The states of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class State:
    """All states, as 2.x had them."""

    SUCCESS = TaskInstanceState.SUCCESS
    RUNNING = TaskInstanceState.RUNNING
    FAILED = TaskInstanceState.FAILED
    NONE = None
    REMOVED = TaskInstanceState.REMOVED
    SCHEDULED = TaskInstanceState.SCHEDULED
    QUEUED = TaskInstanceState.QUEUED
    RESTARTING = TaskInstanceState.RESTARTING
    UP_FOR_RETRY = TaskInstanceState.UP_FOR_RETRY
    UP_FOR_RESCHEDULE = TaskInstanceState.UP_FOR_RESCHEDULE
    UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED
    SKIPPED = TaskInstanceState.SKIPPED
    DEFERRED = TaskInstanceState.DEFERRED

    finished = frozenset([SUCCESS, FAILED, SKIPPED, UPSTREAM_FAILED, REMOVED])
    success_states = frozenset([SUCCESS, SKIPPED])
    failed_states = frozenset([FAILED, UPSTREAM_FAILED])
    unfinished = frozenset([NONE, SCHEDULED, QUEUED, RUNNING, RESTARTING, UP_FOR_RETRY,
                            UP_FOR_RESCHEDULE, DEFERRED])
    task_states = (None,) + tuple(TaskInstanceState)
    dag_states = tuple(DagRunState)
