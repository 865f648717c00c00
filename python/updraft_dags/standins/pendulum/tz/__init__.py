"""pendulum.tz."""
from pendulum import UTC, FixedTimezone, Timezone, local_timezone, timezone, timezones  # noqa: F401


def fixed_timezone(offset):
    """The zone of an offset in seconds."""
    return FixedTimezone(offset)
