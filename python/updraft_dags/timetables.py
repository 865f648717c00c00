"""Timetables: when a DAG runs."""
from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from updraft_dags import times
from updraft_dags.assets import AssetAll, BaseAsset


class Timetable:
    """Base of all; authors' own cannot be asked by Go and are refused."""

    description = ""
    periodic = True


class DataInterval(NamedTuple):
    """The time whose data a run is for."""

    start: Any
    end: Any

    @classmethod
    def exact(cls, at: Any) -> "DataInterval":
        """No time at all: a moment."""
        return cls(at, at)


class TimeRestriction(NamedTuple):
    """The dates of a DAG, as its timetable is told them."""

    earliest: Any
    latest: Any
    catchup: bool


class DagRunInfo(NamedTuple):
    """The next run, as a timetable tells it."""

    run_after: Any
    data_interval: Any

    @classmethod
    def exact(cls, at: Any) -> "DagRunInfo":
        """At a moment, for that moment."""
        return cls(at, DataInterval.exact(at))

    @classmethod
    def interval(cls, start: Any, end: Any) -> "DagRunInfo":
        """At the end of an interval, for that interval."""
        return cls(end, DataInterval(start, end))


class NullTimetable(Timetable):
    """Never by itself."""


class OnceTimetable(Timetable):
    """Once."""


class ContinuousTimetable(Timetable):
    """Again as soon as the last run has ended."""

    active_runs_limit = 1


class _Cron(Timetable):
    def __init__(self, cron: str, *, timezone: str = "UTC") -> None:
        self.expression, self.timezone = cron, timezone


class CronDataIntervalTimetable(_Cron):
    """At the end of each interval between two ticks."""

    def __init__(self, cron: str, timezone: str = "UTC") -> None:
        super().__init__(cron, timezone=timezone)


class CronTriggerTimetable(_Cron):
    """At each tick."""

    def __init__(self, cron: str, *, timezone: str = "UTC", interval: Any = datetime.timedelta(),
                 run_immediately: bool = False, **extra: Any) -> None:
        super().__init__(cron, timezone=timezone)
        self.interval, self.run_immediately, self.extra = interval, run_immediately, extra


class CronPartitionTimetable(CronTriggerTimetable):
    """At each tick, for the partition run_offset ticks away."""

    def __init__(self, cron: str, *, timezone: str = "UTC", run_offset: int = 0, run_immediately: bool = False,
                 key_format: str = "%Y-%m-%dT%H:%M:%S", **extra: Any) -> None:
        super().__init__(cron, timezone=timezone, run_immediately=run_immediately, **extra)
        self.run_offset, self.key_format = run_offset, key_format


class MultipleCronTriggerTimetable(Timetable):
    """At each tick of any of several expressions."""

    def __init__(self, *crons: Any, timezone: str = "UTC", interval: Any = datetime.timedelta(),
                 run_immediately: bool = False) -> None:
        if not crons:
            raise ValueError("cron expression required")
        self.expressions, self.timezone = list(crons), timezone
        self.interval, self.run_immediately = interval, run_immediately


class DeltaDataIntervalTimetable(Timetable):
    """At the end of each interval of a length."""

    def __init__(self, delta: Any) -> None:
        self.delta = delta


class DeltaTriggerTimetable(Timetable):
    """Every so often."""

    def __init__(self, delta: Any, *, interval: Any = datetime.timedelta()) -> None:
        self.delta, self.interval = delta, interval


class EventsTimetable(Timetable):
    """At the moments of a list."""

    def __init__(self, event_dates: Any, restrict_to_events: bool = False, presorted: bool = False,
                 description: Any = None) -> None:
        self.event_dates = [times.moment(one) for one in event_dates]
        if not presorted:
            self.event_dates = sorted(set(self.event_dates))
        self.restrict_to_events, self.presorted, self.description = restrict_to_events, presorted, description or ""


class AssetTriggeredTimetable(Timetable):
    """When assets were updated."""

    def __init__(self, assets: Any) -> None:
        self.asset_condition = condition(assets)


class AssetOrTimeSchedule(Timetable):
    """When assets were updated, and by time."""

    def __init__(self, *, timetable: Any, assets: Any = None, datasets: Any = None) -> None:
        self.timetable = timetable
        self.asset_condition = condition(assets if assets is not None else datasets)


class PartitionedAtRuntime(Timetable):
    """Never by itself; runs bring their partition keys."""


def condition(assets: Any) -> Any:
    """The condition of an asset, an expression of assets, or a list: all of it."""
    if isinstance(assets, BaseAsset):
        return assets
    if isinstance(assets, (list, tuple, set)) and all(isinstance(one, BaseAsset) for one in assets):
        return AssetAll(*assets)
    raise ValueError("Invalid asset condition: %r" % (assets,))
