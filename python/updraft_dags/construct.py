"""How operators are built: default_args and what is checked before __init__ runs.

Every class of operators gets its __init__ wrapped, so that an author's
`def __init__(self, text, **kwargs)` finds `text` in default_args, too.
"""
from __future__ import annotations

import functools
import inspect
from typing import Any

from updraft_dags import scope
from updraft_dags.params import ParamsDict
from updraft_runner import signatures

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def parameters(init: Any) -> Any:
    """The names an __init__ takes, and those it must be given."""
    known = getattr(init, "__updraft_parameters__", None)
    if known is None:
        own = [p for p in list(signatures.of(init).parameters.values())[1:] if p.kind not in _VARIADIC]
        known = (frozenset(p.name for p in own), frozenset(p.name for p in own if p.default is p.empty))
    return known


def merged_defaults(dag: Any, group: Any, own_params: Any, own_defaults: Any) -> Any:
    """default_args of the DAG, the group and the task, and their params, merged."""
    args, params = {}, ParamsDict()
    if dag is not None:
        args.update(dag.default_args)
        args.pop("params", None)  # they are in dag.params
        params.update_from_dag(dag.params)
    for more in (group.default_args if group is not None else None, own_defaults):
        if not more:
            continue
        if not isinstance(more, dict):
            raise TypeError("default_args must be a mapping")
        args.update(more)
        params.update(args.pop("params", None) or {})
    if own_params:
        if not isinstance(own_params, (dict, ParamsDict)):
            raise TypeError("params must be a mapping")
        params.update(own_params)
    return args, params


def wrap(init: Any) -> Any:
    """The __init__ with defaults applied; the wrapped one is kept as __wrapped__."""
    names, required = parameters(init)

    @functools.wraps(init)
    def apply_defaults(self, *args: Any, **kwargs: Any) -> None:
        if args:
            raise TypeError("Use keyword arguments when initializing operators")
        outermost = "_init_kwargs" not in self.__dict__
        dag = kwargs.get("dag") or scope.current().dag()
        if dag is not None and not hasattr(dag, "task_dict"):
            raise TypeError("Expected Dag; received %s" % type(dag).__name__)
        group = kwargs.get("task_group")
        if group is None and dag is not None:
            group = scope.current().group(dag)
        defaults, params = merged_defaults(dag, group, kwargs.pop("params", None), kwargs.pop("default_args", None))
        for name in names:
            if name not in kwargs and name in defaults:
                kwargs[name] = defaults[name]
        missing = required.difference(kwargs)
        if len(missing) == 1:
            raise TypeError("missing keyword argument %r" % next(iter(missing)))
        if missing:
            raise TypeError("missing keyword arguments %s" % ", ".join(repr(n) for n in sorted(missing)))
        if params:
            kwargs["params"] = params
        if outermost:
            self.__dict__["_init_kwargs"] = {}
        init(self, **kwargs, default_args=defaults)
        self.__dict__["_init_kwargs"].update(kwargs)
        if outermost:
            self.__dict__["_instantiated"] = True
            self._find_dependencies()

    apply_defaults.__updraft_parameters__ = (names, required)
    return apply_defaults


class OperatorMeta(type):
    """Wraps the __init__ of each class, and lets Class.partial(...) map."""

    def __new__(mcs, name: str, bases: Any, namespace: Any, **kwargs: Any) -> Any:
        cls = super().__new__(mcs, name, bases, namespace, **kwargs)
        init = namespace.get("__init__")
        if init is not None:
            cls.__init__ = wrap(init)
        return cls
