"""A sensor's loop in Python: for sensors whose execute authors call or extend.

Sensors used as they are wait in Updraft, without a process of their own.
"""
from __future__ import annotations

import datetime as dt
import random
import time
from typing import Any, Union

from updraft_runner import times
from updraft_runner.exceptions import (
    AirflowException, AirflowFailException, AirflowRescheduleException, AirflowSensorTimeout, AirflowSkipException,
    AirflowTaskTimeout)


def wait(task: Any, context: Any) -> Any:
    """Pokes until the sensor is done; what a PokeReturnValue carries."""
    began = _began(task, context)
    tries = 1
    while True:
        found = _poke(task, context)
        if found:
            task.log.info("Success criteria met. Exiting.")
            return getattr(found, "xcom_value", None)
        if _seconds(began) > task.timeout:
            _too_late(task, began)
        pause = interval(task, tries)
        if task.reschedule:
            raise AirflowRescheduleException(times.of(dt.datetime.now(times.UTC) + dt.timedelta(seconds=pause)))
        time.sleep(pause)
        tries += 1


def _began(task: Any, context: Any) -> Union[float, dt.datetime]:
    start = getattr(context.get("ti"), "start_date", None)
    return start if task.reschedule and isinstance(start, dt.datetime) else time.monotonic()


def _seconds(began: Union[float, dt.datetime]) -> float:
    if isinstance(began, dt.datetime):
        return (dt.datetime.now(times.UTC) - began).total_seconds()
    return time.monotonic() - began


def _poke(task: Any, context: Any) -> Any:
    """One look, with what the sensor makes of errors."""
    try:
        return task.poke(context)
    except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException):
        if task.soft_fail:
            raise AirflowSkipException("Skipping due to soft_fail is set to True.") from None
        if task.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from None
        raise
    except AirflowSkipException:
        raise
    except Exception as error:
        if task.silent_fail:
            task.log.error("Sensor poke failed", exc_info=True)
            return False
        if task.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
        raise


def _too_late(task: Any, began: Any) -> None:
    said = "Sensor has timed out; run duration of %s seconds exceeds the specified timeout of %s." % (_seconds(began), task.timeout)
    if task.soft_fail or task.never_fail:
        raise AirflowSkipException(said)
    raise AirflowSensorTimeout(said)


def interval(task: Any, tries: int) -> float:
    """Seconds until the next look: with exponential_backoff longer each time, and random."""
    if not task.exponential_backoff:
        return task.poke_interval
    if task.poke_interval <= 0:
        raise AirflowException("exponential_backoff needs a poke_interval above 0")
    lower = task.poke_interval * 2 ** min(tries - 1, 30)
    found = random.uniform(lower, lower * 2)
    return min(found, task.max_wait) if task.max_wait is not None else min(found, 86400)
