"""Names of states and kinds that 3.3.2 has a second time, and those only few ask for."""
from __future__ import annotations

import enum

from updraft_dags import rules


class ArgNotSet:
    """The type of NOTSET: an argument that nobody gave."""


NOTSET = ArgNotSet()


class _Text(str, enum.Enum):
    def __str__(self) -> str:
        return self.value


class DagRunType(_Text):
    """How a run came about."""

    BACKFILL_JOB = "backfill"
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    ASSET_TRIGGERED = "asset_triggered"


class DagRunTriggeredByType(_Text):
    """What triggered a run."""

    CLI = "cli"
    OPERATOR = "operator"
    REST_API = "rest_api"
    UI = "ui"
    TEST = "test"
    TIMETABLE = "timetable"
    ASSET = "asset"
    BACKFILL = "backfill"


def _again(kind: type[enum.Enum], module: str) -> type[enum.Enum]:
    """The same values as another enumeration: texts, so that both are equal."""
    made = _Text(kind.__name__, [(m.name, m.value) for m in kind], module=module)  # type: ignore[call-overload]
    return made


_GENERATED = "airflow.sdk.api.datamodels._generated"
SDKTaskInstanceState = _again(rules.TaskInstanceState, _GENERATED)
SDKDagRunState = _again(rules.DagRunState, _GENERATED)
SDKWeightRule = _again(rules.WeightRule, _GENERATED)
