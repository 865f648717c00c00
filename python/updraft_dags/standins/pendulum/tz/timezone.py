"""pendulum.tz.timezone."""
from pendulum import UTC, FixedTimezone, Timezone  # noqa: F401
