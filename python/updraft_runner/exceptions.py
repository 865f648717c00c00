"""The exceptions by which a callable says how its task ends."""


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

    def __init__(self, error):
        self.error = error
        super().__init__(str(error))


class AirflowSkipException(AirflowException):
    """The task ends as skipped."""


class AirflowFailException(AirflowException):
    """The task fails and is not retried."""


class AirflowSensorTimeout(AirflowException):
    """A sensor waited too long: fails, no retry."""


class AirflowRescheduleException(AirflowException):
    """The task gives its slot back until reschedule_date."""

    def __init__(self, reschedule_date):
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


class ParamValidationError(AirflowException):
    """A parameter does not fit its schema."""


# These two are no Exception: `except Exception` in a callable must not keep
# a task alive that was told to end.
class AirflowTaskTimeout(BaseException):
    """The task ran longer than its execution_timeout."""


class AirflowTaskTerminated(BaseException):
    """The task was told to end by a signal."""


class TaskDeferred(BaseException):
    """Asks to wait in a triggerer, which Updraft does not have."""

    def __init__(self, *, trigger=None, method_name="", kwargs=None, timeout=None):
        super().__init__()
        self.trigger, self.method_name = trigger, method_name
        self.kwargs, self.timeout = kwargs, timeout
