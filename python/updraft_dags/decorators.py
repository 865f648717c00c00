"""@task and its kinds: functions that become tasks when they are called."""
from __future__ import annotations

import functools
import importlib
import inspect
import typing
from collections.abc import Mapping
from typing import Any, Callable, Iterable

from updraft_dags import base, ids, scope
from updraft_dags.asset_decorator import asset  # noqa: F401  Airflow offers it here
from updraft_dags.context_keys import CONTEXT_KEYS
from updraft_dags.mapping import Dicts, Lists, MappedOperator, own_parameters
from updraft_dags.rules import TriggerRule
from updraft_dags.xcomarg import XComArg
from updraft_runner import signatures
from updraft_runner.session import NOTSET


class Kind:
    """One kind of decorator: the class of its tasks, made at its first use."""

    def __init__(self, name: str, operator: Any, path: str) -> None:
        self.name, self._of, self._path = name, operator, path

    @property
    def operator(self) -> Any:
        """The class: the operator's, under the name Airflow has for decorated tasks."""
        made = self.__dict__.get("_made")
        if made is None:
            of = self._of
            if isinstance(of, str):
                of = getattr(importlib.import_module("updraft_dags.providers.classes"), of)
            where, _, name = self._path.rpartition(".")
            made = self.__dict__["_made"] = type(of)(name, (of,), {
                "__module__": where, "__qualname__": name, "custom_operator_name": self.name, "_is_decorated": True})
        return made


def _kinds() -> Any:
    found = {}
    for line in _KINDS.strip().splitlines():
        name, operator, path = line.split()
        shown = "@task" if name == "python" else "@task." + name
        found[name] = Kind(shown, _STANDARD + operator, _STANDARD + "decorators." + path)
    found["docker"] = Kind("@task.docker", _DOCKER, _DOCKER)
    found["kubernetes"] = Kind("@task.kubernetes", _KUBERNETES, _KUBERNETES)
    found["kubernetes_cmd"] = Kind("@task.kubernetes_cmd", _KUBERNETES_CMD, _KUBERNETES_CMD)
    return found


_STANDARD = "airflow.providers.standard."
_DOCKER = "airflow.providers.docker.decorators.docker._DockerDecoratedOperator"
_KUBERNETES_CMD = "airflow.providers.cncf.kubernetes.decorators.kubernetes_cmd._KubernetesCmdDecoratedOperator"
_KUBERNETES = "airflow.providers.cncf.kubernetes.decorators.kubernetes._KubernetesDecoratedOperator"
# Kind, operator, and the class of its tasks.
_KINDS = """
python                  operators.python.PythonOperator                 python._PythonDecoratedOperator
virtualenv              operators.python.PythonVirtualenvOperator       python_virtualenv._PythonVirtualenvDecoratedOperator
external_python         operators.python.ExternalPythonOperator         external_python._PythonExternalDecoratedOperator
branch                  operators.python.BranchPythonOperator           branch_python._BranchPythonDecoratedOperator
branch_virtualenv       operators.python.BranchPythonVirtualenvOperator branch_virtualenv._BranchPythonVirtualenvDecoratedOperator
branch_external_python  operators.python.BranchExternalPythonOperator   branch_external_python._BranchExternalPythonDecoratedOperator
short_circuit           operators.python.ShortCircuitOperator           short_circuit._ShortCircuitDecoratedOperator
sensor                  sensors.python.PythonSensor                     sensor.DecoratedSensorOperator
bash                    decorators.bash._BashDecoratedOperator          bash._BashDecoratedOperator
"""


def bind(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> None:
    """Raises what calling the function with these arguments and the context would raise."""
    signature = signatures.of(function)
    filled = []
    for parameter in signature.parameters.values():
        if parameter.name in CONTEXT_KEYS:
            if parameter.default not in (parameter.empty, None):
                raise ValueError("Context key parameter %s can't have a default other than None" % parameter.name)
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                parameter = parameter.replace(default=None)
        filled.append(parameter)
    seen = False
    for i, parameter in enumerate(filled):  # what follows a default needs one
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            break
        seen = seen or parameter.default is not parameter.empty
        if seen and parameter.default is parameter.empty:
            filled[i] = parameter.replace(default=NOTSET)
    missing = [p.name for p in filled if p.default is NOTSET]
    bound = signature.replace(parameters=filled).bind(*args, **kwargs)
    for name in missing:
        if name not in bound.arguments:
            raise TypeError("missing a required argument: %r" % name)


def returns_mapping(function: Callable[..., Any]) -> Any:
    """Whether the return annotation is a dict: then each key is an XCom of its own."""
    annotation = signatures.annotations(function).get("return")
    if annotation is None:
        return False
    try:
        annotation = typing.get_type_hints(function).get("return", annotation)
    except Exception:  # an annotation may name what only a type checker sees
        if isinstance(annotation, str):
            return annotation.split("[")[0].rpartition(".")[2] in ("dict", "Dict", "Mapping", "MutableMapping")
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Mapping)


class TaskDecorator:
    """A function that becomes a task each time it is called inside of a DAG."""

    _is_task_decorator = True

    def __init__(self, function: Callable[..., Any], kind: Any, kwargs: dict[str, Any], is_setup: bool = False,
                 is_teardown: bool = False, on_failure_fail_dagrun: bool = False) -> None:
        if isinstance(function, TaskDecorator):
            raise TypeError("the function %s is a task already" % function.function.__name__)
        if inspect.isclass(function):
            raise TypeError("a class cannot be a task: decorate a function")
        if "self" in signatures.of(function).parameters:
            raise TypeError("@task does not support methods")
        self.function, self.kind, self.kwargs = function, kind, dict(kwargs)
        self.is_setup, self.is_teardown, self.on_failure_fail_dagrun = is_setup, is_teardown, on_failure_fail_dagrun
        self.kwargs.setdefault("task_id", getattr(function, "__name__", "task"))
        functools.update_wrapper(self, function, updated=())

    def _copy(self, kwargs: dict[str, Any]) -> Any:
        return type(self)(self.function, self.kind, kwargs, self.is_setup, self.is_teardown, self.on_failure_fail_dagrun)

    def override(self, **kwargs: Any) -> Any:
        """The same with other settings of the task."""
        return self._copy({**self.kwargs, **kwargs})

    def _settings(self) -> Any:
        kwargs = dict(self.kwargs)
        fail = kwargs.pop("on_failure_fail_dagrun", self.on_failure_fail_dagrun)
        if self.is_teardown:
            if "trigger_rule" in kwargs:
                raise ValueError("Trigger rule not configurable for teardown tasks.")
            kwargs["trigger_rule"] = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if kwargs.get("multiple_outputs") is None:
            kwargs["multiple_outputs"] = returns_mapping(self.function)
        dag = kwargs.get("dag") or scope.current().dag()
        group = kwargs.get("task_group")
        if group is None and (dag is not None or scope.current().groups):
            group = scope.current().group(dag)
        if dag is not None:
            taken = set(dag.task_dict) | dag.task_group.used_group_ids
            kwargs["task_id"] = ids.free(kwargs["task_id"], taken, group.child_prefix if group is not None else "")
        if self.function.__doc__ and not any(kwargs.get(n) for n in ("doc", "doc_md", "doc_json", "doc_yaml", "doc_rst")):
            kwargs["doc_md"] = self.function.__doc__
        return base.modern(kwargs), fail

    def _made(self, task: Any, fail: Any) -> Any:
        task.is_setup, task.is_teardown, task.on_failure_fail_dagrun = self.is_setup, self.is_teardown, fail
        return XComArg(task)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "multiple_outputs" in self.kwargs and not isinstance(self.kwargs["multiple_outputs"], (bool, type(None))):
            raise TypeError("multiple_outputs must be a bool, not %s" % type(self.kwargs["multiple_outputs"]).__name__)
        bind(self.function, args, kwargs)
        settings, fail = self._settings()
        task = self.kind.operator(python_callable=self.function, op_args=args, op_kwargs=kwargs, **settings)
        for one in list(args) + list(kwargs.values()):
            if isinstance(one, XComArg) and self.is_teardown:
                self._setups_of(task, one)
        return self._made(task, fail)

    @staticmethod
    def _setups_of(task: Any, argument: Any) -> None:
        for operator in argument.references():
            if operator.is_setup:
                operator.set_downstream(task)

    def partial(self, **kwargs: Any) -> Any:
        """Arguments of the function that all instances share."""
        self._check("partial", kwargs)
        out = self._copy(self.kwargs)
        out.shared = {**getattr(self, "shared", {}), **kwargs}
        return out

    def _check(self, what: str, names: Iterable[str]) -> None:
        known = signatures.of(self.function).parameters
        if any(p.kind is p.VAR_KEYWORD for p in known.values()):
            return
        unknown = [n for n in names if n not in known]
        if len(unknown) == 1:
            raise TypeError("%s() got an unexpected keyword argument %r" % (what, unknown[0]))
        if unknown:
            raise TypeError("%s() got unexpected keyword arguments %s" % (what, ", ".join(repr(n) for n in sorted(unknown))))

    def expand(self, **mapped: Any) -> Any:
        """A mapped task over lists and outputs."""
        if self.kwargs.get("trigger_rule") == TriggerRule.ALWAYS and any(isinstance(v, XComArg) for v in mapped.values()):
            raise ValueError("Task-generated mapping within a task using 'expand' is not allowed with trigger rule 'always'.")
        if not mapped:
            raise TypeError("no arguments to expand against")
        self._check("expand", mapped)
        twice = sorted(set(mapped) & set(getattr(self, "shared", {})))
        if twice:
            raise TypeError("mapping already partial argument%s: %s"
                            % ("s" if len(twice) > 1 else "", ", ".join(map(repr, twice))))
        return self._map(Lists(mapped))

    def expand_kwargs(self, kwargs: dict[str, Any], *, strict: bool = True) -> Any:
        """A mapped task over a list of dicts or an output."""
        del strict
        mapping = Dicts(kwargs)
        if not isinstance(kwargs, XComArg):
            for one in kwargs:
                if isinstance(one, dict):
                    self._check("expand_kwargs", one)
        return self._map(mapping)

    def _map(self, mapping: Any) -> Any:
        settings, fail = self._settings()
        shared = getattr(self, "shared", {})
        unknown = set(settings) - set(base.DEFAULTS) - own_parameters(self.kind.operator) - {
            "task_id", "params", "dag", "task_group", "default_args"}
        if unknown:
            raise TypeError("expand() got an unexpected keyword argument %r" % sorted(unknown)[0])
        settings.update(python_callable=self.function, op_args=(), op_kwargs=dict(shared))
        task = MappedOperator(self.kind.operator, settings, mapping)
        task.maps_function = True
        return self._made(task, fail)

    def __repr__(self) -> str:
        return "<%s %s>" % (self.kind.name, self.function.__name__)


# Decorators of providers that Updraft does not have, and what to write.
_ELSEWHERE = {
    "pyspark": ("apache-spark", "@task.bash and `spark-submit`"),
    "snowpark": ("snowflake", "@task and the session of the snowpark package"),
}


def _elsewhere(name: str) -> str:
    if name not in _ELSEWHERE:
        return ""
    provider, instead = _ELSEWHERE[name]
    return ": it is of apache-airflow-providers-%s, which Updraft has no part of; use %s" % (provider, instead)


class TaskDecorators:
    """`task`: called it is @task; its attributes are the other kinds."""

    def __init__(self) -> None:
        self.kinds = _kinds()

    def register(self, name: str, operator: Any, path: str) -> None:
        """Adds a kind whose tasks are of the class operator."""
        self.kinds[name] = Kind("@task." + name, operator, path)

    def __call__(self, python_callable: Any = None, multiple_outputs: Any = None, **kwargs: Any) -> Any:
        return self._decorate("python", python_callable, multiple_outputs, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.__dict__.get("kinds", {}):
            raise AttributeError("task decorator %r not found%s" % (name, _elsewhere(name)))

        def decorate(python_callable: Any = None, multiple_outputs: Any = None, **kwargs: Any) -> Any:
            return self._decorate(name, python_callable, multiple_outputs, kwargs)
        decorate.__name__ = name
        return decorate

    def _decorate(self, name: str, function: Callable[..., Any], multiple_outputs: Any,
                  kwargs: dict[str, Any]) -> Any:
        if multiple_outputs is not None:
            kwargs["multiple_outputs"] = multiple_outputs
        if function is None:
            return lambda f: TaskDecorator(f, self.kinds[name], kwargs)
        if not callable(function):
            raise TypeError("No args allowed while using @task, use kwargs instead")
        return TaskDecorator(function, self.kinds[name], kwargs)

    def run_if(self, condition: Any, skip_message: Any = None) -> Any:
        """Runs the task if condition(context) is true, and skips it otherwise."""
        return _Condition(condition, skip_message, True)

    def skip_if(self, condition: Any, skip_message: Any = None) -> Any:
        """Skips the task if condition(context) is true."""
        return _Condition(condition, skip_message, False)


class _Condition:
    """A hook before execute; it is put upon what @task made."""

    def __init__(self, condition: Any, message: str, wanted: str) -> None:
        self.condition, self.message, self.wanted = condition, message, wanted

    def __call__(self, task: Any) -> Any:
        if not isinstance(task, TaskDecorator):
            raise TypeError("%s can only be used with task." % ("run_if" if self.wanted else "skip_if"))
        before = task.kwargs.get("pre_execute")
        task.kwargs["pre_execute"] = functools.partial(_decide, self.condition, self.message, self.wanted, before)
        return task


def _decide(condition: Any, message: str, wanted: str, before: Any, context: Any) -> None:
    from updraft_runner.exceptions import AirflowSkipException
    said = None
    if before is not None:
        before(context)
    found = condition(context)
    if isinstance(found, tuple):
        found, said = found
    if bool(found) is not wanted:
        raise AirflowSkipException(message or said)


task = TaskDecorators()


def setup(func: Any) -> Any:
    """Makes a function's tasks setups; tasks of a group's function, too."""
    return _marked(func, is_setup=True)


def teardown(_func: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Makes a function's tasks teardowns."""
    def mark(func: Any) -> Any:
        return _marked(func, is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun)
    return mark if _func is None else mark(_func)


def _marked(func: Any, **marks: Any) -> Any:
    from updraft_dags.groups import TaskGroupFactory
    if isinstance(func, TaskGroupFactory):
        raise ValueError("Task groups cannot be marked as setup or teardown.")
    made = func if isinstance(func, TaskDecorator) else task(func)
    for name, value in marks.items():
        setattr(made, name, value)
    return made
