"""XComArg: what a task will push, used before it exists."""
from __future__ import annotations

from typing import Any, Callable, Iterator

from updraft_dags import scope  # noqa: F401  operators' `with` is looked up there
from updraft_dags.node import Dependencies
from updraft_runner.session import NOTSET

RETURN_VALUE = "return_value"


class XComArg(Dependencies):
    """The XCom of a task, or something made of several.

    XComArg(operator) is the value the operator returns, XComArg(operator, key) another of
    its XComs. Put in an argument of a task, it makes that task depend on the operator.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(PlainXComArg if cls is XComArg else cls)

    def references(self) -> None:
        """The operators it needs."""
        raise NotImplementedError

    iter_references = None  # set below: pairs of operator and key

    @staticmethod
    def iter_xcom_references(arg: Any) -> Iterator[Any]:
        """The operators that a value of any depth needs, with the keys."""
        for found in inside(arg):
            for operator in found.references():
                yield operator, getattr(found, "key", RETURN_VALUE)

    @staticmethod
    def apply_upstream_relationship(operator: Any, arg: Any) -> None:
        """Makes operator depend on all that arg needs."""
        depend(operator, arg)

    @property
    def roots(self) -> list[Any]:
        """Arrows to it enter the tasks."""
        return list(self.references())

    @property
    def leaves(self) -> list[Any]:
        """Arrows from it leave the tasks."""
        return list(self.references())

    @property
    def dag(self) -> Any:
        """The DAG of the tasks."""
        return next(iter(self.references())).dag

    def set_upstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is before its tasks."""
        for operator in self.references():
            operator.set_upstream(task_or_task_list, edge_modifier)

    def set_downstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is after its tasks."""
        for operator in self.references():
            operator.set_downstream(task_or_task_list, edge_modifier)

    def map(self, f: Callable[..., Any]) -> Any:
        """Each element as f makes it; f runs with the task that uses it."""
        return MapXComArg(self, [f])

    def zip(self, *others: Any, fillvalue: Any = NOTSET) -> Any:
        """Tuples of elements, as zip or, with fillvalue, zip_longest."""
        return ZipXComArg([self] + list(others), fillvalue)

    def concat(self, *others: Any) -> Any:
        """The elements of all, one after the other."""
        return ConcatXComArg([self] + list(others))


class PlainXComArg(XComArg):
    """The XCom of one task under one key."""

    def __init__(self, operator: Any, key: Any = RETURN_VALUE) -> None:
        self.operator = operator
        self.key = key

    def references(self) -> Any:
        """The one operator."""
        return (self.operator,)

    def __getitem__(self, item: Any) -> Any:
        if not isinstance(item, str):
            raise ValueError("XComArg only supports str lookup, received %s" % type(item).__name__)
        return PlainXComArg(self.operator, item)

    def __iter__(self) -> None:
        raise TypeError("'XComArg' object is not iterable")

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, PlainXComArg) and (self.operator, self.key) == (other.operator, other.key)

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def __str__(self) -> str:
        """The template that pulls it: f-strings of authors rely on it."""
        return "{{ task_instance.xcom_pull(task_ids='%s', dag_id='%s', key='%s') }}" % (
            self.operator.task_id, self.operator.dag_id, self.key)

    def __repr__(self) -> str:
        if self.key == RETURN_VALUE:
            return "XComArg(%r)" % (self.operator,)
        return "XComArg(%r, %r)" % (self.operator, self.key)

    def __enter__(self) -> Any:
        self.operator.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.operator.__exit__(*exc)

    def concat(self, *others: Any) -> Any:
        """The elements of all, one after the other."""
        return ConcatXComArg([self] + list(others))

    def as_setup(self) -> Any:
        """Makes its tasks setups."""
        for operator in self.references():
            operator.is_setup = True
        return self

    def as_teardown(self, *, setups: Any = None, on_failure_fail_dagrun: Any = None) -> Any:
        """Makes its tasks teardowns."""
        for operator in self.references():
            operator.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    @property
    def is_setup(self) -> Any:
        """Whether its task is a setup."""
        return self.operator.is_setup

    @is_setup.setter
    def is_setup(self, value: Any) -> None:
        self.operator.is_setup = value

    @property
    def is_teardown(self) -> Any:
        """Whether its task is a teardown."""
        return self.operator.is_teardown

    @is_teardown.setter
    def is_teardown(self, value: Any) -> None:
        self.operator.is_teardown = value

    @property
    def on_failure_fail_dagrun(self) -> Any:
        """Whether the teardown's failure is the run's."""
        return self.operator.on_failure_fail_dagrun

    @on_failure_fail_dagrun.setter
    def on_failure_fail_dagrun(self, value: Any) -> None:
        self.operator.on_failure_fail_dagrun = value


class _Derived(XComArg):
    def __iter__(self) -> None:
        raise TypeError("'XComArg' object is not iterable")

    def references(self) -> list[Any]:
        """The operators of its parts, each once."""
        seen = {}
        for part in self.parts():
            for found in inside(part):
                for operator in found.references():
                    seen[id(operator)] = operator
        return list(seen.values())

    def parts(self) -> None:
        """What it is made of."""
        raise NotImplementedError


class MapXComArg(_Derived):
    """XComArg.map."""

    def __init__(self, arg: Any, callables: Any) -> None:
        from updraft_dags.operator import BaseOperator
        for one in callables:
            if getattr(one, "_is_task_decorator", False) or isinstance(one, BaseOperator):
                raise ValueError("map() argument must be a plain function, not a @task operator")
            if not callable(one):
                raise TypeError("map() argument must be a function, not %s" % type(one).__name__)
        self.arg = arg
        self.callables = list(callables)

    def parts(self) -> list[Any]:
        """The argument."""
        return [self.arg]

    def map(self, f: Callable[..., Any]) -> Any:
        """One more function."""
        return MapXComArg(self.arg, self.callables + [f])

    def __repr__(self) -> str:
        return "%r.map([%d functions])" % (self.arg, len(self.callables))


class ZipXComArg(_Derived):
    """XComArg.zip."""

    def __init__(self, args: Any, fillvalue: Any = NOTSET) -> None:
        if not args:
            raise ValueError("At least one input is required")
        self.args = list(args)
        self.fillvalue = fillvalue

    def parts(self) -> Any:
        """The arguments."""
        return self.args


class ConcatXComArg(_Derived):
    """XComArg.concat."""

    def __init__(self, args: Any) -> None:
        if not args:
            raise ValueError("At least one input is required")
        self.args = list(args)

    def parts(self) -> Any:
        """The arguments."""
        return self.args

    def concat(self, *others: Any) -> Any:
        """More of them."""
        return ConcatXComArg(self.args + list(others))


class MappedArgument:
    """What a mapped group's function is called with: the element at the map index."""

    def __init__(self, mapping: Any, key: str) -> None:
        self.mapping = mapping
        self.key = key

    def references(self) -> Any:
        """The operators that the group is mapped over."""
        return self.mapping.references()

    def __getitem__(self, item: Any) -> None:
        raise TypeError("the argument %r of a mapped group is known when it runs: take %r out of it "
                        "inside of a task" % (self.key, item))

    def __iter__(self) -> None:
        raise TypeError("the argument %r of a mapped group is known when it runs: it cannot be iterated here"
                        % self.key)

    def __repr__(self) -> str:
        return "MappedArgument(_key=%r)" % self.key


def _pairs(self) -> Iterator[Any]:
    for operator in self.references():
        yield operator, getattr(self, "key", RETURN_VALUE)


XComArg.iter_references = _pairs


def inside(value: Any, depth: int = 0) -> Iterator[Any]:
    """The XComArgs (and mapped groups' arguments) of a value, at any depth; objects with
    template_fields are looked into, too."""
    if isinstance(value, (XComArg, MappedArgument)):
        yield value
    elif depth > 40 or value is None or isinstance(value, (str, int, float, bytes)):
        return
    elif isinstance(value, dict):
        for one in value.values():
            yield from inside(one, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from inside(one, depth + 1)
    elif isinstance(getattr(value, "template_fields", None), (list, tuple)) and not isinstance(value, (type, Dependencies)):
        for name in value.template_fields:
            yield from inside(getattr(value, name, None), depth + 1)


def depend(task: Any, value: Any) -> None:
    """Makes task depend on every task that value needs."""
    for found in inside(value):
        for operator in found.references():
            if operator is not task:
                task.set_upstream(operator)
