"""pendulum.tz."""
from __future__ import annotations

from pendulum import UTC, FixedTimezone, Timezone, local_timezone, timezone, timezones  # noqa: F401
from typing import Any


def fixed_timezone(offset: Any) -> Any:
    """The zone of an offset in seconds."""
    return FixedTimezone(offset)
