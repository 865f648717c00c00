"""BaseOperator: one task of a DAG."""
from __future__ import annotations

import datetime
import logging
from typing import Any, Optional

from updraft_dags import base, errors, ids, scope
from updraft_dags.construct import OperatorMeta
from updraft_dags.node import Dependencies, connect
from updraft_dags.params import ParamsDict
from updraft_dags.rules import TriggerRule
from updraft_dags.xcomarg import XComArg, depend
from updraft_runner.session import NOTSET


class AbstractOperator(Dependencies):
    """What plain and mapped tasks have in common: arrows, setups, their place in the DAG."""

    is_mapped = False
    inherits_from_empty_operator = False

    def _name(self, task_id: str, group: Any) -> None:
        ids.check(task_id)
        self.__dict__.update(
            label=task_id, task_group=None, _dag=None, upstream_task_ids={}, downstream_task_ids={},
            task_id=group.child_id(task_id) if group is not None else task_id)
        ids.check(self.task_id)

    def _place(self, dag: Any, group: Any) -> None:
        """Puts it where it belongs, once its arguments are known to be right."""
        if group is not None:
            group.add(self)
        if dag is not None:
            self.dag = dag

    @property
    def dag(self) -> Any:
        """The DAG it is in, or None."""
        return self.__dict__.get("_dag")

    @dag.setter
    def dag(self, dag: Any) -> None:
        if dag is self.dag:
            return
        if self.dag is not None:
            raise ValueError("The Dag assigned to %s can not be changed." % (self,))
        if self.task_group is None:
            dag.task_group.add(self)
        self.__dict__["_dag"] = dag
        dag.task_dict[self.task_id] = self

    def has_dag(self) -> bool:
        """Whether it is in a DAG."""
        return self.dag is not None

    @property
    def dag_id(self) -> Any:
        """The DAG's id, or what stands for it."""
        return self.dag.dag_id if self.dag is not None else "adhoc_%s" % getattr(self, "owner", "airflow")

    @property
    def node_id(self) -> Any:
        """The id it has among tasks and groups."""
        return self.task_id

    @property
    def roots(self) -> list[Any]:
        """Arrows to it enter it."""
        return [self]

    leaves = roots

    @property
    def output(self) -> Any:
        """The XComArg of what it returns."""
        return XComArg(self)

    def set_upstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is before it."""
        connect(self, task_or_task_list, True, edge_modifier)

    def set_downstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is after it."""
        connect(self, task_or_task_list, False, edge_modifier)

    def _relatives(self, found: Any) -> Any:
        return [self.dag.task_dict[i] for i in found if i in self.dag.task_dict] if self.dag is not None else []

    @property
    def upstream_list(self) -> Any:
        """The tasks directly before it."""
        return self._relatives(self.upstream_task_ids)

    @property
    def downstream_list(self) -> Any:
        """The tasks directly after it."""
        return self._relatives(self.downstream_task_ids)

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        """The ids directly before or after it."""
        return set(self.upstream_task_ids if upstream else self.downstream_task_ids)

    def get_direct_relatives(self, upstream: bool = False) -> Any:
        """The tasks directly before or after it."""
        return self.upstream_list if upstream else self.downstream_list

    def get_flat_relative_ids(self, *, upstream: bool = False) -> Any:
        """The ids of all tasks before or after it."""
        if self.dag is None:
            return set()
        found, todo = set(), [self]
        while todo:
            task = todo.pop()
            for one in task.get_direct_relative_ids(upstream):
                if one not in found:
                    found.add(one)
                    todo.append(self.dag.task_dict[one])
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[Any]:
        """All tasks before or after it."""
        return [self.dag.task_dict[i] for i in self.get_flat_relative_ids(upstream=upstream)]

    def as_setup(self) -> Any:
        """Makes it a setup."""
        self.is_setup = True
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: Any = None) -> Any:
        """Makes it a teardown, of the setups given."""
        self.is_teardown = True
        self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        if setups is not None and setups is not NOTSET:
            for one in setups if isinstance(setups, (list, tuple, set)) else [setups]:
                one.is_setup = True
                one >> self
        return self

    def __enter__(self) -> Any:
        from updraft_dags import works
        if not self.is_setup and not self.is_teardown:
            raise errors.AirflowException("Only setup/teardown tasks can be used as context managers.")
        works.enter([self])
        return self

    def __exit__(self, *exc: Any) -> None:
        from updraft_dags import works
        works.leave()

    @property
    def log(self) -> Any:
        """The task's logger."""
        return logging.getLogger("airflow.task.operators")

    def __repr__(self) -> str:
        return "<Task(%s): %s>" % (self.task_type, self.task_id)


class BaseOperator(AbstractOperator, metaclass=OperatorMeta):
    """A task. Authors subclass it: template_fields name the attributes that are rendered,
    execute(context) does the work. The arguments are those of every task of Airflow."""

    template_fields = ()
    template_ext = ()
    template_fields_renderers = {}
    ui_color = "#fff"
    ui_fgcolor = "#000"
    operator_extra_links = ()
    shallow_copy_attrs = ()
    start_from_trigger = False
    start_trigger_args = None
    _is_sensor = False
    supports_lineage = False
    subdag = None

    def __init__(self, *, task_id: str, **kwargs: Any) -> None:
        task_group, dag = kwargs.pop("task_group", None), kwargs.pop("dag", None)
        defaults = kwargs.pop("default_args", None) or {}
        here = scope.current()
        dag = dag or (task_group.dag if task_group is not None and task_group.dag is not None else here.dag())
        if task_group is None:
            task_group = here.group(dag) if dag is not None or here.groups else None
        kwargs = base.modern(kwargs)
        for name in base.DEFAULTS:
            if name not in kwargs and name in defaults:
                kwargs[name] = defaults[name]
        unknown = {name: value for name, value in kwargs.items() if name not in base.DEFAULTS and name != "params"}
        if unknown:
            raise TypeError("Invalid arguments were passed to %s (task_id: %s). Invalid arguments were:\n**kwargs: %s"
                            % (type(self).__name__, task_id, unknown))
        self._name(task_id, task_group)
        self.__dict__.update(base.normal(kwargs, self, dag))
        params = kwargs.get("params")
        self.params = params if isinstance(params, ParamsDict) else ParamsDict(params)
        self.is_setup = self.is_teardown = self.on_failure_fail_dagrun = False
        self.start_date, self.end_date = self._dates(dag)
        if dag is not None and dag.fail_fast:
            base.check_fail_fast(self.trigger_rule)
        self._place(dag, task_group)
        if here.works:
            here.works[-1].tasks.append(self)

    def _dates(self, dag: Any) -> Any:
        start, end = self.start_date, self.end_date
        if dag is not None:
            if start is not None and dag.start_date is not None:
                start = max(start, dag.start_date)
            elif start is None:
                start = dag.start_date
            if end is not None and dag.end_date is not None:
                end = min(end, dag.end_date)
            elif end is None:
                end = dag.end_date
        return start, end

    def _find_dependencies(self) -> None:
        """Draws the arrows that XComArgs in template fields mean."""
        for name in self.template_fields:
            if name in self.__dict__ or hasattr(self, name):
                depend(self, getattr(self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if self.__dict__.get("_instantiated") and name in self.template_fields:
            depend(self, value)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: Any) -> bool:
        return self is other

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """The arguments that all instances of a mapped task share."""
        from updraft_dags.mapping import partial
        return partial(cls, kwargs)

    @property
    def task_type(self) -> Any:
        """The name of its class."""
        return type(self).__name__

    @property
    def operator_name(self) -> Any:
        """The name it is shown by."""
        return getattr(self, "custom_operator_name", self.task_type)

    operator_class = property(type)

    def execute(self, context: Any) -> None:
        """The work; what it returns is its XCom."""
        raise NotImplementedError()

    def pre_execute(self, context: Any) -> None:
        """Called before execute."""

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Called after execute."""

    def on_kill(self) -> None:
        """Called when the task is to end early."""

    def prepare_template(self) -> None:
        """Called before templates are rendered."""

    def render_template(self, content: Any, context: Any = None, jinja_env: Any = None, seen_oids: Any = None) -> Any:
        """content with its templates rendered, while the task runs."""
        del context, jinja_env, seen_oids
        from updraft_runner import session
        return session.current().render(content)

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Nothing: they are rendered before the task starts."""

    def resolve_template_files(self) -> None:
        """Nothing: files are read before the task starts."""

    def get_template_env(self, dag: Any = None) -> None:
        """Templates are rendered by Updraft, not by the operator."""
        raise errors.Unsupported("templates are rendered by Updraft: name the field in template_fields")

    def defer(self, *, trigger: Any, method_name: Any, kwargs: Optional[dict[str, Any]] = None,
              timeout: Any = None) -> None:
        """Gives the slot up until the trigger fires."""
        from updraft_runner.exceptions import TaskDeferred
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def xcom_push(self, context: Any, key: str, value: Any, execution_date: Any = None) -> None:
        """As ti.xcom_push, with the context of 2.x."""
        context["ti"].xcom_push(key, value)

    def xcom_pull(self, context: Any, **kwargs: Any) -> Any:
        """As ti.xcom_pull, with the context of 2.x."""
        return context["ti"].xcom_pull(**kwargs)

    def add_inlets(self, inlets: Any) -> None:
        """Adds assets that it reads."""
        self.inlets = list(self.inlets) + list(inlets)

    def add_outlets(self, outlets: Any) -> None:
        """Adds assets that it writes."""
        self.outlets = list(self.outlets) + list(outlets)

    def dry_run(self) -> None:
        """Nothing: `updraft tasks test` runs a task."""

    def get_extra_links(self, *_: Any, **__: Any) -> None:
        """No links."""
        return None


BaseOperator.__init__.__updraft_parameters__ = (frozenset(["task_id"]), frozenset(["task_id"]))


class BaseOperatorLink:
    """A link of Airflow's UI; accepted, not shown."""

    name = ""

    def get_link(self, operator: Any, *, ti_key: Any = None) -> str:
        """The address."""
        return ""


def seconds(value: Any) -> Any:
    """A timedelta of seconds, or value if it is one already."""
    return value if value is None or isinstance(value, datetime.timedelta) else datetime.timedelta(seconds=value)
