"""Times and weekdays, and the operator that does nothing."""
from __future__ import annotations

import datetime as dt
import enum
from typing import Any, Iterable, Union

from updraft_dags.operator import BaseOperator
from updraft_dags.providers.base import BaseBranchOperator
from updraft_dags.providers.native import native
from updraft_dags.sensor import BaseSensorOperator
from updraft_runner import times

_STANDARD = "airflow.providers.standard."


@native(_STANDARD + "operators.empty.EmptyOperator")
class EmptyOperator(BaseOperator):
    """Does nothing."""

    ui_color = "#e8f7e4"
    inherits_from_empty_operator = True

    def execute(self, context: Any) -> None:
        """Does nothing."""


class WeekDay(enum.IntEnum):
    """Days of the week, Monday first."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> int:
        """The number of a day's name."""
        name = week_day_str.upper()
        if name not in cls.__members__:
            raise AttributeError('Invalid Week Day passed: "%s"' % week_day_str)
        return cls[name]

    @classmethod
    def convert(cls, day: Union[str, "WeekDay"]) -> int:
        """The number of a day or its name."""
        if isinstance(day, cls):
            return day
        if not isinstance(day, str):
            raise TypeError("Unexpected week day type: %s" % type(day))
        return cls.get_weekday_number(day)

    @classmethod
    def validate_week_day(cls, week_day: Any) -> set[int]:
        """The numbers of days or their names, one or several."""
        if isinstance(week_day, (str, cls)):
            return {cls.convert(week_day)}
        if not isinstance(week_day, Iterable):
            raise TypeError("Unsupported Type for week_day parameter: %s." % type(week_day))
        return {cls.convert(day) for day in week_day}


WeekDay.__module__ = _STANDARD + "utils.weekday"


def _now(task: Any, context: Any) -> dt.datetime:
    if task.use_task_logical_date or task.use_task_execution_day:
        return context["logical_date"]
    return dt.datetime.now(times.UTC)


@native(_STANDARD + "operators.weekday.BranchDayOfWeekOperator")
class BranchDayOfWeekOperator(BaseBranchOperator):
    """Follows by the day of the week."""

    def _ready(self) -> None:
        WeekDay.validate_week_day(self.week_day)

    def choose_branch(self, context: Any) -> Any:
        """The ids to follow."""
        today = _now(self, context).isoweekday() in WeekDay.validate_week_day(self.week_day)
        return self.follow_task_ids_if_true if today else self.follow_task_ids_if_false


@native(_STANDARD + "operators.datetime.BranchDateTimeOperator")
class BranchDateTimeOperator(BaseBranchOperator):
    """Follows by the time: from target_lower to target_upper."""

    def _ready(self) -> None:
        if self.target_lower is None and self.target_upper is None:
            from updraft_runner.exceptions import AirflowException
            raise AirflowException("Both target_upper and target_lower are None. At least one must be defined to be compared "
                                   "to the current datetime")

    def choose_branch(self, context: Any) -> Any:
        """The ids to follow."""
        now = _now(self, context)
        lower, upper = _bound(self.target_lower, now), _bound(self.target_upper, now)
        if lower is not None and upper is not None and upper < lower:
            upper += dt.timedelta(days=1)
        inside = (lower is None or lower <= now) and (upper is None or now <= upper)
        return self.follow_task_ids_if_true if inside else self.follow_task_ids_if_false


def _bound(value: Any, now: dt.datetime) -> Any:
    if isinstance(value, dt.time):
        return dt.datetime.combine(now.date(), value, now.tzinfo)
    return value if value is None or value.tzinfo else value.replace(tzinfo=times.UTC)


@native(_STANDARD + "sensors.weekday.DayOfWeekSensor")
class DayOfWeekSensor(BaseSensorOperator):
    """Waits for a day of the week."""

    def _ready(self) -> None:
        WeekDay.validate_week_day(self.week_day)

    def poke(self, context: Any) -> bool:
        """Whether it is that day."""
        return _now(self, context).isoweekday() in WeekDay.validate_week_day(self.week_day)


@native(_STANDARD + "sensors.date_time.DateTimeSensor")
class DateTimeSensor(BaseSensorOperator):
    """Waits until a time."""

    def _ready(self) -> None:
        if isinstance(self.target_time, dt.datetime):
            self.target_time = self.target_time.isoformat()
        elif not isinstance(self.target_time, str) and not hasattr(self.target_time, "references"):
            raise TypeError("Expected str or datetime.datetime type for target_time. Got %s" % type(self.target_time))

    def poke(self, context: Any) -> bool:
        """Whether it is past."""
        del context
        return dt.datetime.now(times.UTC) > times.parse(self.target_time)


@native(_STANDARD + "sensors.time.TimeSensor")
class TimeSensor(BaseSensorOperator):
    """Waits until a time of the day."""

    def poke(self, context: Any) -> bool:
        """Whether it is past."""
        del context
        zone = self.dag.timezone if self.dag is not None else times.UTC
        return dt.datetime.now(zone).time() > self.target_time.replace(tzinfo=None)


@native(_STANDARD + "sensors.time_delta.TimeDeltaSensor")
class TimeDeltaSensor(BaseSensorOperator):
    """Waits for a time after the end of the data interval."""

    def poke(self, context: Any) -> bool:
        """Whether it is past."""
        end = context.get("data_interval_end") or context["dag_run"].run_after
        return dt.datetime.now(times.UTC) > end + self.delta
