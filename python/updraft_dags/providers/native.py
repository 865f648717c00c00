"""Classes of operators that Updraft runs itself, made from their specs."""
from __future__ import annotations

import copy
import inspect
from typing import Any, Callable, TypeVar

from updraft_dags import construct, mode, specs
from updraft_dags.operator import BaseOperator

Class = TypeVar("Class", bound=type)


def native(path: str) -> Callable[[Class], Class]:
    """Makes a class the one of an operator's import path: its arguments, their
    defaults and templates are those of the spec. A method `_ready` is called
    when the attributes are set."""
    spec = specs.find(path)
    if spec is None:
        raise LookupError("operators.json has no %s" % path)

    def dress(cls: Class) -> Class:
        cls.__module__, _, cls.__qualname__ = path.rpartition(".")
        cls.__name__ = cls.__qualname__
        # In the class's own namespace: a subclass of an author is not this operator.
        cls._updraft_operator = path  # type: ignore[attr-defined]
        cls._updraft_spec = spec  # type: ignore[attr-defined]
        cls.template_fields = tuple(a.name for a in spec.arguments if a.templated)  # type: ignore[attr-defined]
        cls.template_ext = spec.template_ext  # type: ignore[attr-defined]
        cls.__init__ = construct.wrap(_init(cls, spec))  # type: ignore[misc]
        return cls

    return dress


def _init(cls: type, spec: specs.Spec) -> Callable[..., None]:
    """An __init__ with the signature of the spec."""
    base = next(c for c in cls.__mro__[1:] if "__init__" in c.__dict__ and issubclass(c, BaseOperator))
    above = construct.parameters(base.__init__)[0]
    own = [a for a in spec.arguments if a.name not in above]
    shared = [a for a in spec.arguments if a.name in above and not a.required]

    def __init__(self: Any, **given: Any) -> None:
        given = _modern(spec, given)
        values = {a.name: given.pop(a.name) if a.name in given else copy.copy(a.default) for a in own}
        for argument in shared:
            given.setdefault(argument.name, copy.copy(argument.default))
        super(cls, self).__init__(**given)
        for name, value in values.items():
            setattr(self, name, value)
        ready = cls.__dict__.get("_ready")
        if ready is not None:
            ready(self)

    kind = inspect.Parameter
    parameters = [kind("self", kind.POSITIONAL_OR_KEYWORD)]
    for argument in spec.arguments:
        default = kind.empty if argument.required else argument.default
        parameters.append(kind(argument.name, kind.KEYWORD_ONLY, default=default))
    parameters.append(kind("kwargs", kind.VAR_KEYWORD))
    __init__.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return __init__


# Arguments of 2.x by the class they are of, and what they are called now.
_RENAMED = {
    "AthenaOperator": {"max_tries": "max_polling_attempts"},
    "BashOperator": {"skip_exit_code": "skip_on_exit_code"},
    "BranchDateTimeOperator": {"use_task_execution_date": "use_task_logical_date"},
    "EcsRunTaskOperator": {"region": "region_name"},
    "ExternalTaskMarker": {"execution_date": "logical_date"},
    "KubernetesPodOperator": {"resources": "container_resources", "node_selectors": "node_selector"},
    "TriggerDagRunOperator": {"execution_date": "logical_date"},
}


def _modern(spec: specs.Spec, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments in today's spelling; strict readings leave them to be refused."""
    here = mode.current()
    for old, new in _RENAMED.get(spec.path.rpartition(".")[2], {}).items():
        if old in given and not here.strict:
            here.old(old)
            given[new] = given.pop(old)
    return given
