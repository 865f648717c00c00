"""DAG, and the decorator @dag."""
from __future__ import annotations

import datetime
import functools
import os
import sys
from typing import Any, Callable, Optional

from updraft_dags import errors, ids, mode, scope, times
from updraft_dags.groups import TaskGroup
from updraft_dags.params import DagParam, ParamsDict
from updraft_runner import signatures
from updraft_runner.session import NOTSET

# Arguments of 2.x and what they are called now; None are dropped.
_RENAMED = {"schedule_interval": "schedule", "timetable": "schedule", "concurrency": "max_active_tasks",
            "fail_stop": "fail_fast", "default_view": None, "orientation": None, "full_filepath": None,
            "last_loaded": None}


class DAG:
    """A DAG: its settings, and the tasks made while it is open (`with`), or given it."""

    def __init__(self, dag_id: str, *, description: Any = None, default_args: Any = None, start_date: Any = None,
                 end_date: Any = None, schedule: Any = NOTSET, template_searchpath: Any = None,
                 template_undefined: Any = None, user_defined_macros: Any = None,
                 user_defined_filters: Any = None, max_active_tasks: Any = None, max_active_runs: Any = None,
                 max_consecutive_failed_dag_runs: Any = None, dagrun_timeout: Any = None, deadline: Any = None,
                 sla_miss_callback: Any = None, catchup: Any = None, on_success_callback: Any = None,
                 on_failure_callback: Any = None, doc_md: Any = None, params: Any = None,
                 access_control: Any = None, is_paused_upon_creation: Any = None,
                 jinja_environment_kwargs: Any = None, render_template_as_native_obj: bool = False,
                 tags: Any = None, owner_links: Any = None, auto_register: bool = True, fail_fast: bool = False,
                 dag_display_name: Any = None, disable_bundle_versioning: bool = False,
                 allowed_run_types: Any = None, **old: Any) -> None:
        modern = _modern(old)
        ids.check(dag_id)
        self.dag_id, self.description, self.doc_md = dag_id, description, doc_md
        self.default_args = dict(default_args or {})
        self._set_dates(start_date, end_date)
        self.schedule, self.catchup = modern.get("schedule", schedule), catchup
        self.template_searchpath = [template_searchpath] if isinstance(template_searchpath, str) else template_searchpath
        if not mode.current().strict and (template_undefined or jinja_environment_kwargs):
            mode.warn(_NO_ENVIRONMENT)
        self.template_undefined, self.jinja_environment_kwargs = template_undefined, jinja_environment_kwargs
        self.user_defined_macros, self.user_defined_filters = user_defined_macros, user_defined_filters
        self._set_limits(modern.get("max_active_tasks", max_active_tasks), max_active_runs, max_consecutive_failed_dag_runs)
        self.dagrun_timeout = _timeout(dagrun_timeout)
        self.deadline = deadline
        del sla_miss_callback  # accepted, without effect
        self.on_success_callback, self.on_failure_callback = on_success_callback, on_failure_callback
        self.params = ParamsDict(self.default_args.pop("params", None))
        self.params.update(params or {})
        self.access_control, self.owner_links = access_control, dict(owner_links or {})
        self.is_paused_upon_creation = is_paused_upon_creation
        self.render_template_as_native_obj = render_template_as_native_obj
        self.tags = _tags(tags)
        self.auto_register, self.fail_fast = auto_register, modern.get("fail_fast", fail_fast)
        self.dag_display_name = dag_display_name or dag_id
        self.disable_bundle_versioning, self.allowed_run_types = disable_bundle_versioning, allowed_run_types
        _check_types(self)
        self.edge_info = {}
        self.place = _place()
        self.fileloc = self.place[0]
        self.task_dict = {}
        self.task_group = TaskGroup(_root=True, dag=self)

    def _set_dates(self, start_date: Any, end_date: Any) -> None:
        """The dates and the time zone, which is that of the start date."""
        zone = times.zone(mode.current().option("default_timezone", None)) or times.UTC
        start_date = start_date if start_date is not None else self.default_args.get("start_date")
        self.start_date = times.moment(start_date, zone)
        self.timezone = self.start_date.tzinfo if self.start_date is not None else zone
        self.end_date = times.moment(end_date, self.timezone)
        for name in ("start_date", "end_date"):
            if self.default_args.get(name) is not None:
                self.default_args[name] = times.moment(self.default_args[name], self.timezone)

    def _set_limits(self, tasks: Any, runs: Any, failed: Any) -> None:
        option = mode.current().option
        self.max_active_tasks = option("max_active_tasks_per_dag", 16) if tasks is None else tasks
        self.max_active_runs = option("max_active_runs_per_dag", 16) if runs is None else runs
        failed = option("max_consecutive_failed_dag_runs_per_dag", 0) if failed is None else failed
        if failed < 0:
            raise ValueError("Invalid max_consecutive_failed_dag_runs: %s. Requires max_consecutive_failed_dag_runs >= 0" % failed)
        self.max_consecutive_failed_dag_runs = failed

    @property
    def task_ids(self) -> list[Any]:
        """The ids of its tasks."""
        return list(self.task_dict)

    @property
    def tasks(self) -> list[Any]:
        """Its tasks, in the order they were made."""
        return list(self.task_dict.values())

    @property
    def task_count(self) -> int:
        """How many tasks it has."""
        return len(self.task_dict)

    @property
    def concurrency(self) -> Any:
        """2.x: max_active_tasks."""
        return self.max_active_tasks

    @property
    def roots(self) -> list[Any]:
        """The tasks without an upstream."""
        return [t for t in self.tasks if not t.upstream_task_ids]

    @property
    def leaves(self) -> list[Any]:
        """The tasks without a downstream."""
        return [t for t in self.tasks if not t.downstream_task_ids]

    @property
    def owner(self) -> Any:
        """The owners of its tasks."""
        return ", ".join(dict.fromkeys(t.owner for t in self.tasks))

    @property
    def folder(self) -> Any:
        """Where its file is."""
        return os.path.dirname(self.fileloc)

    @property
    def filepath(self) -> Any:
        """Its file."""
        return self.fileloc

    @property
    def task_group_dict(self) -> dict[str, Any]:
        """Its groups by id."""
        return {k: v for k, v in self.task_group.get_task_group_dict().items() if k is not None}

    @property
    def schedule_interval(self) -> Any:
        """2.x: the schedule."""
        return None if self.schedule is NOTSET else self.schedule

    def add_task(self, task: Any) -> None:
        """Puts a task into it."""
        task.dag = self

    def add_tasks(self, tasks: list[Any]) -> None:
        """Puts tasks into it."""
        for task in tasks:
            self.add_task(task)

    def has_task(self, task_id: str) -> bool:
        """Whether it has a task with this id."""
        return task_id in self.task_dict

    def has_task_group(self, group_id: Optional[str]) -> bool:
        """Whether it has a group with this id."""
        return group_id in self.task_group_dict

    def get_task(self, task_id: str, include_subdags: bool = False) -> Any:
        """The task with this id."""
        del include_subdags
        if task_id not in self.task_dict:
            raise errors.TaskNotFound("Task %s not found" % task_id)
        return self.task_dict[task_id]

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> Any:
        """What is known of an arrow: its label."""
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    def set_edge_info(self, upstream_task_id: str, downstream_task_id: str, info: Any) -> None:
        """Notes the label of an arrow."""
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = info

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        """Draws an arrow between two tasks by their ids."""
        self.get_task(upstream_task_id).set_downstream(self.get_task(downstream_task_id))

    def topological_sort(self) -> Any:
        """Its tasks, each after those it depends on."""
        from updraft_dags.check import in_order
        return in_order(self)

    def test(self, *_: Any, **__: Any) -> None:
        """Airflow runs a DAG in this process; Updraft does it from the command line."""
        return None

    def cli(self) -> None:
        """Gone, as in Airflow 3."""
        return None

    def __getattr__(self, name: str) -> Any:
        if name in _OF_THE_DATABASE:
            raise AttributeError("DAG.%s asks Airflow's database, which Updraft has no part of: ask inside of a task, where the "
                                 "context has dag_run with its conf and its dates" % name)
        raise AttributeError("%r object has no attribute %r" % (type(self).__name__, name))

    def __enter__(self) -> Any:
        here = scope.current()
        here.dags.append(self)
        here.groups.append(self.task_group)
        if self.auto_register:
            here.registered.setdefault(id(self), self)
        return self

    def __exit__(self, *exc: Any) -> None:
        here = scope.current()
        here.groups.pop()
        here.dags.pop()

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: Any) -> bool:
        return self is other

    def __lt__(self, other: Any) -> bool:
        return self.dag_id < other.dag_id

    def __repr__(self) -> str:
        return "<DAG: %s>" % self.dag_id


# What 2.x let files ask of earlier runs.
_OF_THE_DATABASE = frozenset((
    "clear", "create_dagrun", "get_active_runs", "get_concurrency_reached", "get_dagrun", "get_dagruns_between", "get_is_active",
    "get_is_paused", "get_last_dagrun", "get_latest_execution_date", "get_num_active_runs", "get_run_dates", "get_task_instances",
    "is_paused", "latest_execution_date", "run",
))
_NO_ENVIRONMENT = ("template_undefined and jinja_environment_kwargs have no effect in Updraft: "
                   "its templates are Jinja's, and undefined names are errors")


def _modern(old: dict[str, Any]) -> dict[str, Any]:
    here = mode.current()
    out: dict[str, Any] = {}
    for name, value in old.items():
        if here.strict or name not in _RENAMED:
            raise TypeError("DAG.__init__() got an unexpected keyword argument %r" % name)
        here.old(name)
        if _RENAMED[name] is not None and not (name == "timetable" and value is None):
            out[_RENAMED[name]] = value
    return out


_TYPES = {
    "description": (str, type(None)), "doc_md": (str, type(None)), "dag_display_name": (str,), "max_active_tasks": (int,),
    "max_active_runs": (int,), "max_consecutive_failed_dag_runs": (int,), "user_defined_macros": (dict, type(None)),
    "user_defined_filters": (dict, type(None)), "access_control": (dict, type(None)),
}


def _check_types(dag: Any) -> None:
    for name, kinds in _TYPES.items():
        value = getattr(dag, name)
        if not isinstance(value, kinds):
            raise TypeError("%r must be %r (got %r that is a %r)." % (name, kinds[0], value, type(value)))


def _tags(tags: Any) -> set[str]:
    found = {tags} if isinstance(tags, str) else set(tags or ())
    for tag in found:
        if len(tag) > 100:
            raise errors.AirflowException("tag cannot be longer than 100 characters")
    return found


def _timeout(value: Any) -> Any:
    if value is None or isinstance(value, datetime.timedelta):
        return value
    if isinstance(value, (int, float)) and not mode.current().strict:
        return datetime.timedelta(seconds=value)
    raise TypeError("dagrun_timeout must be a timedelta, not %s" % type(value).__name__)


def _place() -> Any:
    """File and line of the author's code that makes the DAG."""
    frame = sys._getframe(mode.depth_of_author() - 1)
    return frame.f_code.co_filename, frame.f_lineno


def dag(dag_id_or_func: Any = None, **decorator_kwargs: Any) -> Any:
    """Makes a function a DAG factory: @dag, or @dag(schedule=..., ...). Its arguments become
    params, its docstring the documentation."""
    dag_id = None if callable(dag_id_or_func) else dag_id_or_func
    if dag_id is None:
        dag_id = decorator_kwargs.pop("dag_id", None)

    def wrapper(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def factory(*args: Any, **kwargs: Any) -> Any:
            given = signatures.of(function).bind(*args, **kwargs)
            given.apply_defaults()
            with DAG(dag_id or function.__name__, **decorator_kwargs) as made:
                if function.__doc__ and not made.doc_md:
                    made.doc_md = function.__doc__
                arguments = {}
                for name, value in given.arguments.items():
                    made.params[name] = value
                    arguments[name] = DagParam(made, name, value)
                function(**arguments)
            return made
        return factory

    return wrapper(dag_id_or_func) if callable(dag_id_or_func) else wrapper
