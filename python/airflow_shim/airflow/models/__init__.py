"""Variables and connections."""
from airflow.models.connection import Connection  # noqa: F401
from airflow.models.variable import Variable  # noqa: F401
