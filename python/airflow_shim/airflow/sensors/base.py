"""What a check may return."""
from airflow.sdk.bases.sensor import PokeReturnValue  # noqa: F401
