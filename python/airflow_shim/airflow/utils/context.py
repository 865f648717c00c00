"""The context, for annotations."""
from airflow.sdk.definitions.context import Context  # noqa: F401
