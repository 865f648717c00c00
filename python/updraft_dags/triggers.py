"""Triggers: what a deferred task waits for. Updraft waits without a triggerer."""
from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any, AsyncIterator, NamedTuple, Optional

from updraft_runner import times


class TriggerEvent:
    """What a trigger fires with."""

    def __init__(self, payload: Any = None, **_: Any) -> None:
        self.payload = payload

    def __repr__(self) -> str:
        return "TriggerEvent<%r>" % (self.payload,)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, TriggerEvent) and other.payload == self.payload

    __hash__ = None  # type: ignore[assignment]


class TaskSuccessEvent(TriggerEvent):
    """The task is done, without going on in a worker."""


class TaskFailedEvent(TriggerEvent):
    """The task has failed."""


class TaskSkippedEvent(TriggerEvent):
    """The task is skipped."""


class StartTriggerArgs(NamedTuple):
    """A trigger that a task begins with."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: Optional[dict] = None
    next_kwargs: Optional[dict] = None
    timeout: Optional[dt.timedelta] = None


class BaseTrigger:
    """Waits for something: run() yields TriggerEvents."""

    def __init__(self, **kwargs: Any) -> None:
        del kwargs

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments."""
        raise NotImplementedError("Triggers must implement serialize()")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields when it is time."""
        raise NotImplementedError("Triggers must implement run()")
        yield  # makes it a generator

    async def cleanup(self) -> None:
        """Called at the end."""


class DateTimeTrigger(BaseTrigger):
    """Fires at a moment."""

    def __init__(self, moment: dt.datetime, *, end_from_trigger: bool = False) -> None:
        super().__init__()
        if not isinstance(moment, dt.datetime):
            raise TypeError("Expected datetime.datetime type for moment. Got %s" % type(moment))
        if moment.tzinfo is None:
            raise ValueError("You cannot pass naive datetimes")
        self.moment, self.end_from_trigger = moment, end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments."""
        return ("airflow.providers.standard.triggers.temporal.DateTimeTrigger",
                {"moment": self.moment, "end_from_trigger": self.end_from_trigger})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields at the moment."""
        left = (self.moment - dt.datetime.now(times.UTC)).total_seconds()
        if left > 0:
            await asyncio.sleep(left)
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires after a time."""

    def __init__(self, delta: dt.timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(dt.datetime.now(times.UTC) + delta, end_from_trigger=end_from_trigger)


class FileTrigger(BaseTrigger):
    """Fires when a file is there."""

    def __init__(self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **_: Any) -> None:
        super().__init__()
        self.filepath, self.recursive, self.poke_interval = filepath, recursive, poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments."""
        return ("airflow.providers.standard.triggers.file.FileTrigger",
                {"filepath": self.filepath, "recursive": self.recursive, "poke_interval": self.poke_interval})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields when it is there."""
        import glob
        while not glob.glob(self.filepath, recursive=self.recursive):
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent(True)


def first(trigger: BaseTrigger, timeout: Optional[dt.timedelta] = None) -> TriggerEvent:
    """Waits here for a trigger's first event."""
    async def wait() -> TriggerEvent:
        async for event in trigger.run():
            return event
        raise RuntimeError("the trigger %r ended without an event" % (trigger,))

    async def bounded() -> TriggerEvent:
        try:
            return await asyncio.wait_for(wait(), None if timeout is None else timeout.total_seconds())
        finally:
            await trigger.cleanup()

    return asyncio.run(bounded())
