"""The context of a task, built from the JSON that Go sends."""
from __future__ import annotations

import logging
import sys
from typing import Any, Optional

from updraft_runner import assets, lazy, macros, record, secrets, session, times
from updraft_runner.record import Record
from updraft_runner.session import NOTSET

# In Airflow's context whatever the run; None unless Go says otherwise.
_ALWAYS = ("map_index_template", "partition_date", "partition_key")


class DAG(Record):
    """The DAG of the task."""

    def __repr__(self) -> str:
        return "<DAG: %s>" % self.dag_id


class Task(Record):
    """The task: its id, operator and settings."""

    def __repr__(self) -> str:
        return "<Task(%s): %s>" % (getattr(self, "task_type", "BaseOperator"), self.task_id)

    @property
    def log(self) -> Any:
        """The task's logger."""
        return logging.getLogger("airflow.task")


class DagRun(Record):
    """The run of the DAG."""

    def get_task_instances(self, state: Any = None, **_: Any) -> Any:
        """The task instances of the run as they stand now; those in a state or in one of several."""
        found = _instances(self)
        if state is None:
            return found
        wanted = [state] if isinstance(state, str) else list(state)
        return [ti for ti in found if ti.state in wanted]

    def get_task_instance(self, task_id: str, *_: Any, map_index: Any = -1, **__: Any) -> Any:
        """One of them; None if there is none."""
        for ti in _instances(self):
            if ti.task_id == task_id and ti.map_index == map_index:
                return ti
        return None

    def get_previous_dagrun(self, *_: Any, **__: Any) -> None:
        """Not available inside of a task."""
        raise RuntimeError("a task cannot look up other runs; prev_data_interval_start_success and the like are in the context")


class TaskInstance(Record):
    """The attempt that is running."""

    def __repr__(self) -> str:
        index = " map_index=%d" % self.map_index if self.map_index >= 0 else ""
        return "<TaskInstance: %s.%s %s%s [%s]>" % (self.dag_id, self.task_id, self.run_id, index, self.state)

    def xcom_push(self, key: str, value: Any, execution_date: Any = None) -> None:
        """Stores a value under key for this task instance."""
        session.current().xcom_push(key, value)

    def xcom_pull(self, task_ids: Any = None, dag_id: Optional[str] = None, key: str = "return_value", include_prior_dates: bool = False,
                  *, map_indexes: Any = NOTSET, default: Any = None, run_id: Optional[str] = None, session: Any = None) -> Any:
        """Values of other tasks; of this one without task_ids.

        One text as task_ids gives one value (a list when that task is
        mapped and no map_indexes are given), a list of them gives a list.
        What is missing is None; default counts only with map_indexes, as in
        Airflow.
        """
        del session  # Airflow 2 passes its database session
        single = task_ids is None or isinstance(task_ids, str)
        tasks = [task_ids or self.task_id] if single else list(task_ids)
        query = {"task_ids": tasks, "key": key, "dag_id": dag_id or self.dag_id,
                 "run_id": run_id or self.run_id, "include_prior_dates": bool(include_prior_dates)}
        if map_indexes is NOTSET:
            return _all_indexes(query, tasks, single)
        one = map_indexes is None or isinstance(map_indexes, int)
        wanted = [map_indexes] if one else list(map_indexes)
        return _chosen_indexes(query, tasks, wanted, single and one, default)

    @property
    def log(self) -> Any:
        """The task's logger."""
        return logging.getLogger("airflow.task")

    @property
    def key(self) -> Any:
        """dag, task, run, try and map index."""
        return (self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    def get_template_context(self, *_: Any, **__: Any) -> Any:
        """The context."""
        return session.get_current_context()

    def get_dagrun(self, *_: Any, **__: Any) -> Any:
        """The run."""
        return self.dag_run

    def current_state(self, *_: Any, **__: Any) -> Any:
        """The state."""
        return self.state


def _instances(run: Any) -> Any:
    """The task instances of a run, each with what is known of it."""
    found = []
    for fields in session.current().ask("instances", dag_id=run.dag_id, run_id=run.run_id) or []:
        ti = TaskInstance(dict(fields, dag_id=run.dag_id, run_id=run.run_id))
        ti.duration = None if ti.duration is None else float(ti.duration)
        ti.dag_run, ti.logical_date = run, run.logical_date
        ti.execution_date = run.logical_date
        found.append(ti)
    return found


def _all_indexes(query: dict[str, Any], tasks: list[str], single: bool) -> Any:
    found = session.current().xcom_pull(map_indexes=None, **query)
    values = []
    for task in tasks:
        values.extend([v for t, _, v in found if t == task] or [None])
    if single and len(values) == 1 and not query["include_prior_dates"]:
        return values[0]
    return values


def _chosen_indexes(query: dict[str, Any], tasks: list[str], wanted: Any, single: bool, default: Any) -> Any:
    indexes = [i for i in wanted if i is not None]
    found = session.current().xcom_pull(
        map_indexes=indexes if len(indexes) == len(wanted) else None, **query)
    values = []
    for task in tasks:
        for index in wanted:
            hits = [v for t, i, v in found if t == task and (index is None or i == index)]
            values.append(hits[0] if hits and hits[0] is not None else default)
    return values[0] if single else values


class _Variables:
    def __init__(self, as_json: Any) -> None:
        self._json = as_json

    def get(self, key: str, default: Any = NOTSET) -> Any:
        """The variable or default; without one a missing variable is an error."""
        return secrets.Variable.get(key, default, deserialize_json=self._json)

    __getitem__ = get

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return self.get(key)


class _Connections:
    def get(self, conn_id: str, default: Any = None) -> Any:
        """The connection or default."""
        from updraft_runner.exceptions import AirflowNotFoundException
        try:
            return secrets.Connection.get(conn_id)
        except AirflowNotFoundException:
            return default

    def __getitem__(self, conn_id: str) -> Any:
        return secrets.Connection.get(conn_id)

    def __getattr__(self, conn_id: str) -> Any:
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return secrets.Connection.get(conn_id)


class _Fields(dict):
    __getattr__ = dict.__getitem__


class _Missing:
    """A part of Airflow's context that Updraft does not have."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("Updraft has no %s in the context" % self._name)

    __getitem__ = __setitem__ = __call__ = __iter__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse()


def build(raw: Any) -> Any:
    """The context: a dict as Airflow's, from Go's JSON."""
    raw = dict(raw or {})
    dag = DAG(raw.pop("dag", None) or {})
    task = Task(raw.pop("task", None) or {})
    run = DagRun(raw.pop("dag_run", None) or {})
    ti = TaskInstance(raw.pop("task_instance", None) or raw.pop("ti", None) or {})
    raw.pop("ti", None)
    _link(dag, task, run, ti)
    context: dict[str, Any] = {name: None for name in _ALWAYS}
    context.update(inlets=[], outlets=[], params={}, task_reschedule_count=0, task_state_store=_Missing("task_state_store"))
    for name in ("logical_date", "data_interval_start", "data_interval_end"):
        if getattr(run, name, None) is not None:
            context[name] = getattr(run, name)
    context.update((name, record.value(name, given)) for name, given in raw.items())
    for name in ("inlets", "outlets"):
        context[name] = [assets.Asset(a) if isinstance(a, dict) else a for a in context[name]]
        setattr(task, name, context[name])
    context.update(
        inlet_events=assets.InletEvents(context["inlets"]), outlet_events=assets.OutletEvents(),
        triggering_asset_events=assets.triggering(raw.get("triggering_asset_events")))
    previous = lazy.previous_success(lambda op: session.current().ask(op), lambda text: text and times.parse(text))
    context.update((name, found) for name, found in previous.items() if run.logical_date or not name.startswith("prev_data_"))
    context.update(
        dag=dag, task=task, dag_run=run, ti=ti, task_instance=ti, run_id=run.run_id,
        var=_Fields(value=_Variables(False), json=_Variables(True)), conn=_Connections(),
        macros=macros)
    for name, value in _stamps(context, ti).items():
        context.setdefault(name, value)
    if "execution_date" in raw:  # the context of 2.x
        from updraft_dags.configuration import conf
        context["conf"] = conf
        context["triggering_dataset_events"] = {a.uri: events for a, events in context["triggering_asset_events"].items()}
    if isinstance(context.get("exception"), dict):
        context["exception"] = _exception(context["exception"])
    return context


def _link(dag: Any, task: Any, run: Any, ti: Any) -> None:
    defaults = {"map_index": -1, "try_number": 1, "max_tries": 0, "state": "running"}
    for name, value in defaults.items():
        if not hasattr(ti, name):
            setattr(ti, name, value)
    for name, holders in (("dag_id", (ti, dag, run, task)), ("task_id", (ti, task)), ("run_id", (ti, run))):
        known = next((getattr(h, name) for h in holders if hasattr(h, name)), "")
        for holder in holders:
            if not hasattr(holder, name):
                setattr(holder, name, known)
    if not hasattr(run, "conf") or run.conf is None:
        run.conf = {}
    if not hasattr(run, "logical_date"):
        run.logical_date = None
    run.execution_date = ti.logical_date = ti.execution_date = run.logical_date
    ti.task, ti.dag_run, ti.dag, task.dag = task, run, dag, dag


def _stamps(context: dict[str, Any], ti: Any) -> dict[str, Any]:
    """What follows from the logical date; nothing without one."""
    date = context.get("logical_date")
    key = "%s__%s__" % (ti.dag_id, ti.task_id)
    if date is None:
        context.pop("logical_date", None)
        return {"task_instance_key_str": key + ti.run_id}
    utc = date.astimezone(times.UTC)
    nodash = utc.strftime("%Y%m%d")
    return {
        "ds": utc.strftime("%Y-%m-%d"), "ds_nodash": nodash, "ts": utc.isoformat(),
        "ts_nodash": utc.strftime("%Y%m%dT%H%M%S"), "ts_nodash_with_tz": utc.strftime("%Y%m%dT%H%M%S%z"),
        "task_instance_key_str": key + nodash,
    }


def _exception(found: Any) -> Any:
    """The exception of an earlier part of the attempt, for callbacks."""
    module = sys.modules.get("airflow.exceptions") or sys.modules["updraft_runner.exceptions"]
    kind = getattr(module, found.get("type", "").rpartition(".")[2], None)
    builtin = getattr(__import__("builtins"), found.get("type", ""), None)
    for candidate in (kind, builtin):
        if isinstance(candidate, type) and issubclass(candidate, BaseException):
            try:
                return candidate(found.get("message", ""))
            except TypeError:
                break
    return Exception("%s: %s" % (found.get("type", "error"), found.get("message", "")))
