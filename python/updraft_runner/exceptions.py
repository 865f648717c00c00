"""The exceptions by which a callable says how its task ends."""
from __future__ import annotations

from typing import Any, Optional



class AirflowException(Exception):
    """Base of Airflow's exceptions: the task fails, retries apply."""

    status_code = 500


class AirflowBadRequest(AirflowException):
    """A request that makes no sense."""

    status_code = 400


class AirflowNotFoundException(AirflowException):
    """What was asked for, a connection for instance, does not exist."""

    status_code = 404


class AirflowConfigException(AirflowException):
    """The configuration is wrong."""


class AirflowRuntimeError(Exception):
    """The worker could not answer, a missing variable for instance."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(str(error))


class PermissionDenied(AirflowRuntimeError):
    """The task's DAG may not use a connection or variable: fails, no retry."""


class AirflowSkipException(AirflowException):
    """The task ends as skipped."""


class AirflowFailException(AirflowException):
    """The task fails and is not retried."""


class AirflowSensorTimeout(AirflowException):
    """A sensor waited too long: fails, no retry."""


class AirflowRescheduleException(AirflowException):
    """The task gives its slot back until reschedule_date."""

    def __init__(self, reschedule_date: Any) -> None:
        super().__init__(reschedule_date)
        self.reschedule_date = reschedule_date


class AirflowOptionalProviderFeatureException(AirflowException):
    """A feature whose package is missing."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Marks what a provider will drop."""


class RemovedInAirflow3Warning(DeprecationWarning):
    """Marks what Airflow 3 dropped."""


class XComNotFound(AirflowException):
    """An XCom that was asked for does not exist."""


class TaskNotFound(AirflowNotFoundException):
    """No such task."""


class DagNotFound(AirflowNotFoundException):
    """No such DAG."""


class DagRunNotFound(AirflowNotFoundException):
    """No such run."""


class DagRunAlreadyExists(AirflowBadRequest):
    """There is a run with this id or logical date."""


class ParamValidationError(AirflowException):
    """A parameter does not fit its schema."""


class AirflowClusterPolicyViolation(AirflowException):
    """A DAG is against the rules of the installation."""


class AirflowInternalRuntimeError(BaseException):
    """Airflow itself went wrong."""


class TaskDeferralError(AirflowException):
    """What a task was deferred for went wrong."""


class TaskDeferralTimeout(AirflowException):
    """A task was deferred for too long."""


class DownstreamTasksSkipped(AirflowException):
    """Tasks that are to be skipped; only a branch may name them here."""

    def __init__(self, *, tasks: list[str]) -> None:
        super().__init__()
        self.tasks = tasks


class RemovedInAirflow4Warning(DeprecationWarning):
    """Marks what Airflow 4 will drop."""


# These two are no Exception: `except Exception` in a callable must not keep
# a task alive that was told to end.
class AirflowTaskTimeout(BaseException):
    """The task ran longer than its execution_timeout."""


class AirflowTaskTerminated(BaseException):
    """The task was told to end by a signal."""


class TaskDeferred(BaseException):
    """Asks to wait in a triggerer, which Updraft does not have."""

    def __init__(self, *, trigger: Any = None, method_name: str = "", kwargs: Optional[dict[str, Any]] = None, timeout: Any = None) -> None:
        super().__init__()
        self.trigger, self.method_name = trigger, method_name
        self.kwargs, self.timeout = kwargs, timeout


def _named_as_airflow() -> None:
    """In results and tracebacks they have the names that people know."""
    older = ("TaskNotFound", "DagNotFound", "DagRunNotFound", "DagRunAlreadyExists", "AirflowClusterPolicyViolation",
             "AirflowInternalRuntimeError", "AirflowProviderDeprecationWarning", "RemovedInAirflow3Warning",
             "RemovedInAirflow4Warning")
    for name, kind in list(globals().items()):
        if isinstance(kind, type):
            kind.__module__ = "airflow.exceptions" if name in older else "airflow.sdk.exceptions"


_named_as_airflow()
