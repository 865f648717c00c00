"""What Airflow 3 code imports while a task runs."""
from airflow.sdk.bases.hook import BaseHook  # noqa: F401
from airflow.sdk.bases.sensor import PokeReturnValue  # noqa: F401
from airflow.sdk.definitions.connection import Connection  # noqa: F401
from airflow.sdk.definitions.context import Context, get_current_context  # noqa: F401
from airflow.sdk.definitions.variable import Variable  # noqa: F401
