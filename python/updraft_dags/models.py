"""Airflow's models as far as code of DAG files uses them: mostly in annotations."""
from __future__ import annotations

import contextlib
import functools
import logging
import os
import pathlib
from typing import Any, Callable, Dict, Iterator, NamedTuple

from updraft_runner import context, secrets, signatures
from updraft_runner.exceptions import AirflowException

XCOM_RETURN_KEY = "return_value"
NEW_SESSION = None


class Context(Dict[str, Any]):
    """The context of a running task, for annotations."""


class Variable(secrets.Variable):
    """A variable, at its path of 2.x."""


class Connection(secrets.Connection):
    """A connection, at its path of 2.x."""


class TaskInstance(context.TaskInstance):
    """A task instance, for annotations."""


class DagRun(context.DagRun):
    """A run, for annotations."""

    @staticmethod
    def find(*_: Any, **__: Any) -> Any:
        """Not from within a task."""
        raise _no_database("DagRun.find")


class TaskInstanceKey(NamedTuple):
    """What tells task instances apart."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int = 1
    map_index: int = -1


def _no_database(what: str) -> AirflowException:
    return AirflowException(
        "%s asks Airflow's database, which Updraft has no part of: use the context (dag_run, ti, ti.xcom_pull), "
        "or `updraft` and its JSON output from a BashOperator" % what)


def get_last_dagrun(*_: Any, **__: Any) -> Any:
    """Not from within a task."""
    raise _no_database("get_last_dagrun")


class _NoSession:
    """A session of Airflow's database that is handed about; using it says that there is none."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _no_database("session.%s" % name)


class _NoDatabase:
    """A model whose rows cannot be asked for."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise _no_database(type(self).__name__)


class DagBag(_NoDatabase):
    """All DAGs."""


class DagModel(_NoDatabase):
    """A DAG's row."""


class XComModel(_NoDatabase):
    """An XCom's row."""


class Pool(_NoDatabase):
    """A pool's row."""

    DEFAULT_POOL_NAME = "default_pool"


class BaseXCom:
    """XComs of the running task instance's run."""

    XCOM_RETURN_KEY = XCOM_RETURN_KEY

    @classmethod
    def get_one(cls, *, key: str = XCOM_RETURN_KEY, task_id: Any = None, dag_id: Any = None, run_id: Any = None,
                map_index: Any = None, include_prior_dates: bool = False, **_: Any) -> Any:
        """One value; None if there is none."""
        ti = _running()
        kwargs = {} if map_index is None else {"map_indexes": map_index}
        return ti.xcom_pull(task_ids=task_id, dag_id=dag_id, key=key, run_id=run_id,
                            include_prior_dates=include_prior_dates, **kwargs)

    get_value = get_one

    @classmethod
    def set(cls, key: str, value: Any, **_: Any) -> None:
        """Pushes a value of the running task instance."""
        _running().xcom_push(key, value)

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> Any:
        """The JSON form of a value."""
        from updraft_runner import xcom
        return xcom.encode(value)

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """The value of a JSON form."""
        from updraft_runner import xcom
        return xcom.decode(getattr(result, "value", result))


def _running() -> Any:
    from updraft_runner.session import get_current_context
    return get_current_context()["ti"]


class LoggingMixin:
    """Gives self.log."""

    @property
    def log(self) -> logging.Logger:
        """The logger of the class."""
        return logging.getLogger("%s.%s" % (type(self).__module__, type(self).__qualname__))

    @property
    def logger(self) -> logging.Logger:
        """As log."""
        return self.log


log = logging.getLogger("airflow.logging_config")


class BaseSecretsBackend(LoggingMixin):
    """A source of connections; Updraft asks its own (docs/configuration.md), not authors'."""

    def __init__(self, **_: Any) -> None:
        super().__init__()


class AirflowPlugin:
    """A plugin; Updraft reads its name and macros only when it is imported."""

    name: Any = None
    macros: list = []
    operators: list = []
    hooks: list = []
    listeners: list = []
    timetables: list = []

    @classmethod
    def on_load(cls, *_: Any, **__: Any) -> None:
        """Nothing."""


class _NoStats:
    """Metrics that go nowhere: Updraft has its own."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.timer if name == "timer" else lambda *_, **__: None

    @contextlib.contextmanager
    def timer(self, *_: Any, **__: Any) -> Iterator[None]:
        """Times nothing."""
        yield


Stats = _NoStats()


class SetupTeardownContext:
    """The setups and teardowns of an open `with`."""

    active = False


@contextlib.contextmanager
def create_session(*_: Any, **__: Any) -> Iterator[Any]:
    """No session: there is no database."""
    raise _no_database("create_session")
    yield  # makes it a generator


def provide_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Calls the function with a session that is of no use: there is no database."""
    parameters = signatures.of(function).parameters
    place = list(parameters).index("session") if "session" in parameters else None

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if place is not None and len(args) <= place and kwargs.get("session") is None:
            kwargs["session"] = _NoSession()
        return function(*args, **kwargs)
    return wrapper


class ObjectStoragePath(pathlib.PosixPath if os.name == "posix" else pathlib.Path):  # type: ignore[misc]
    """A path of the local file system; other storages need their own client."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("conn_id", None)
        if args and isinstance(args[0], str) and "://" in args[0] and not args[0].startswith("file://"):
            return _RemotePath("/".join([args[0].rstrip("/"), *map(str, args[1:])]))
        return super().__new__(cls, *map(_local, args), **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("conn_id", None)
        # pathlib.Path takes its parts in __new__ up to 3.11, and here from 3.12.
        if type(self).__mro__[2].__init__ is not object.__init__:
            super().__init__(*map(_local, args), **kwargs)


def _local(part: Any) -> Any:
    text = os.fspath(part) if not isinstance(part, str) else part
    return text[len("file://"):] if text.startswith("file://") else part


class _RemotePath:
    """A path in an object storage: files name them where they are read, and only a task that
    looks there is told that it needs a client of its own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __truediv__(self, part: Any) -> "_RemotePath":
        return _RemotePath("%s/%s" % (self._url.rstrip("/"), part))

    def joinpath(self, *parts: Any) -> "_RemotePath":
        """The path with others below it."""
        return _RemotePath("/".join([self._url.rstrip("/"), *map(str, parts)]))

    @property
    def name(self) -> str:
        """Its last part."""
        return self._url.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> "_RemotePath":
        """What it is in."""
        return _RemotePath(self._url.rstrip("/").rpartition("/")[0])

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return "ObjectStoragePath(%r)" % self._url

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _RemotePath) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AirflowException(
            "ObjectStoragePath(%r).%s: only local files (file://) can be read here; use the storage's own client" % (self._url, name))


class File:
    """A file that a task reads or writes, for lineage."""

    def __init__(self, url: str, **kwargs: Any) -> None:
        self.url = url
        self.__dict__.update(kwargs)


class Table(File):
    """A table, for lineage."""

    def __init__(self, name: str = "", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
