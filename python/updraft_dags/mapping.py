"""Mapped tasks: partial, expand, expand_kwargs."""
from __future__ import annotations

from typing import Any, Iterable

from updraft_dags import base, scope
from updraft_dags.construct import merged_defaults, parameters
from updraft_dags.operator import AbstractOperator, BaseOperator
from updraft_dags.params import ParamsDict
from updraft_dags.xcomarg import XComArg, depend, inside


class Lists:
    """expand(x=..., y=...): the cross product of lists and outputs."""

    def __init__(self, value: Any) -> None:
        self.value = value
        for name, one in value.items():
            if not isinstance(one, (list, tuple, dict, set, XComArg)):
                raise ValueError("expand() got an unexpected type %r for keyword argument '%s'"
                                 % (type(one).__name__, name))

    def references(self) -> Any:
        """The operators it needs."""
        return _references(self.value)


class Dicts:
    """expand_kwargs(...): a list of dicts, or an output that is one."""

    def __init__(self, value: Any) -> None:
        self.value = value
        if isinstance(value, XComArg):
            return
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, (dict, XComArg)) for one in value):
            raise TypeError("expected XComArg or list[dict], not %s" % type(value).__name__)

    def references(self) -> Any:
        """The operators it needs."""
        return _references(self.value)


def _references(value: Any) -> list[Any]:
    found = {}
    for one in inside(value):
        for operator in one.references():
            found[id(operator)] = operator
    return list(found.values())


def check_names(cls, what: str, names: Iterable[str]) -> None:
    """Raises for arguments that no __init__ of the class takes."""
    unknown = set(names)
    for kind in cls.__mro__:
        init = kind.__dict__.get("__init__")
        if init is None:
            continue
        unknown -= parameters(init)[0]
        if kind is BaseOperator:
            unknown -= set(base.DEFAULTS) | {"task_id", "params", "sla", "default_args"}
            break
    unknown -= {"dag", "task_group"}
    if len(unknown) == 1:
        raise TypeError("%s.%s() got an unexpected keyword argument %r" % (cls.__name__, what, unknown.pop()))
    if unknown:
        raise TypeError("%s.%s() got unexpected keyword arguments %s"
                        % (cls.__name__, what, ", ".join(repr(n) for n in sorted(unknown))))


def partial(cls, kwargs: dict[str, Any]) -> Any:
    """cls.partial(**kwargs)."""
    if "task_id" not in kwargs:
        raise TypeError("partial() missing 1 required keyword-only argument: 'task_id'")
    kwargs = base.modern(kwargs)
    check_names(cls, "partial", kwargs)
    return OperatorPartial(cls, kwargs)


def _twice(kwargs: dict[str, Any], names: Iterable[str]) -> None:
    found = sorted(set(kwargs) & set(names))
    if found:
        raise TypeError("unmappable or already specified argument%s: %s"
                        % ("s" if len(found) > 1 else "", ", ".join(repr(n) for n in found)))


class OperatorPartial:
    """What partial returns: expand makes the task."""

    def __init__(self, cls: Any, kwargs: dict[str, Any]) -> None:
        self.operator_class, self.kwargs = cls, kwargs

    def expand(self, **mapped: Any) -> Any:
        """A mapped task over lists and outputs."""
        if not mapped:
            raise TypeError("no arguments to expand against")
        check_names(self.operator_class, "expand", mapped)
        _twice(mapped, self._taken())
        return self._make(Lists(mapped))

    def expand_kwargs(self, kwargs: dict[str, Any], *, strict: bool = True) -> Any:
        """A mapped task over a list of dicts or an output."""
        mapping = Dicts(kwargs)
        if strict and not isinstance(kwargs, XComArg):
            for one in kwargs:
                if isinstance(one, dict):
                    check_names(self.operator_class, "expand_kwargs", one)
                    _twice(one, self._taken())
        return self._make(mapping)

    def _taken(self) -> Any:
        """What instances cannot have each for itself: those of every task, too."""
        return set(self.kwargs) | set(base.DEFAULTS)

    def _make(self, mapping: Any) -> Any:
        return MappedOperator(self.operator_class, dict(self.kwargs), mapping)


class MappedOperator(AbstractOperator):
    """A task that is instantiated once per element; its class is not called before."""

    is_mapped = True
    # Whether the mapped arguments are those of a function, in op_kwargs.
    maps_function = False

    def __init__(self, cls: Any, kwargs: dict[str, Any], mapping: Any) -> None:
        self.operator_class, self.mapping = cls, mapping
        here = scope.current()
        task_id, dag, group = kwargs.pop("task_id"), kwargs.pop("dag", None), kwargs.pop("task_group", None)
        dag = dag or here.dag()
        if group is None and (dag is not None or here.groups):
            group = here.group(dag)
        defaults, params = merged_defaults(dag, group, kwargs.pop("params", None), kwargs.pop("default_args", None))
        own = own_parameters(cls)
        for name, value in defaults.items():
            if name in base.DEFAULTS or (name in own and name not in _mapped_names(mapping)):
                kwargs.setdefault(name, value)
        self._name(task_id, group)
        self.__dict__.update(base.normal(kwargs, self, dag))
        self.partial_kwargs = {name: value for name, value in kwargs.items() if name not in base.DEFAULTS}
        self.params = params if isinstance(params, ParamsDict) else ParamsDict(params)
        self.is_setup = self.is_teardown = self.on_failure_fail_dagrun = False
        if dag is not None and dag.fail_fast:
            base.check_fail_fast(self.trigger_rule)
        self._place(dag, group)
        if here.works:
            here.works[-1].tasks.append(self)
        self._find_dependencies()

    def _find_dependencies(self) -> None:
        for operator in self.mapping.references():
            self.set_upstream(operator)
        fields = set(self.template_fields) | {"op_args", "op_kwargs"}
        for name, value in self.partial_kwargs.items():
            if name in fields:
                depend(self, value)

    @property
    def template_fields(self) -> Any:
        """Those of its class."""
        return self.operator_class.template_fields

    @property
    def task_type(self) -> Any:
        """The name of its class."""
        return self.operator_class.__name__

    @property
    def operator_name(self) -> Any:
        """The name it is shown by."""
        return getattr(self.operator_class, "custom_operator_name", self.task_type)

    @property
    def inherits_from_empty_operator(self) -> Any:
        """Whether it does nothing."""
        return self.operator_class.inherits_from_empty_operator

    @property
    def _is_sensor(self) -> Any:
        return self.operator_class._is_sensor

    def unmap(self, kwargs: dict[str, Any]) -> Any:
        """The operator of one instance, with the arguments of its index. It is in no DAG's
        graph, but knows its DAG."""
        shared = {n: getattr(self, n) for n in base.DEFAULTS if n in self.__dict__}
        for name in ("pre_execute", "post_execute"):
            if "_%s_hook" % name in self.__dict__:
                shared[name] = self.__dict__["_%s_hook" % name]
        own = dict(self.partial_kwargs)
        if self.maps_function:
            kwargs = {"op_kwargs": {**own.get("op_kwargs", {}), **kwargs}}
        before = scope.current()
        scope.use(scope.Scope())
        try:
            made = self.operator_class(task_id=self.task_id, params=self.params, **{**shared, **own, **kwargs})
        finally:
            scope.use(before)
        made.__dict__.update(_dag=self.dag, task_group=self.task_group, upstream_task_ids=self.upstream_task_ids,
                             downstream_task_ids=self.downstream_task_ids)
        return made


def own_parameters(cls) -> Any:
    """The names of all arguments that a class's __init__s take, but for those of every task."""
    names = set()
    for kind in cls.__mro__:
        if kind is BaseOperator:
            break
        init = kind.__dict__.get("__init__")
        if init is not None:
            names |= parameters(init)[0]
    return names


def _mapped_names(mapping: Any) -> Any:
    return set(mapping.value) if isinstance(mapping, Lists) else set()
