"""Task groups, plain and mapped."""
from __future__ import annotations

import functools
from typing import Any, Callable, Iterable, Iterator, Optional

from updraft_dags import errors, ids, scope
from updraft_dags.node import Dependencies, as_list
from updraft_runner import signatures


class TaskGroup(Dependencies):
    """A named part of a DAG; `with TaskGroup("x"):` puts what is made inside into it."""

    is_mapped = False

    def __init__(self, group_id: Optional[str] = None, prefix_group_id: bool = True, parent_group: Any = None,
                 dag: Any = None, default_args: Any = None, tooltip: str = "", ui_color: str = "CornflowerBlue",
                 ui_fgcolor: str = "#000", add_suffix_on_collision: bool = False, group_display_name: str = "",
                 _root: bool = False) -> None:
        for text in (tooltip, group_display_name):
            if not isinstance(text, str):
                raise TypeError("the tooltip and the display name of a group must be texts, not %s" % type(text).__name__)
        self.prefix_group_id = prefix_group_id
        self.tooltip, self.group_display_name = tooltip, group_display_name
        self.ui_color, self.ui_fgcolor = ui_color, ui_fgcolor
        self.default_args = dict(default_args or {})
        self.children = {}
        self.upstream_group_ids, self.downstream_group_ids = set(), set()
        self.upstream_task_ids, self.downstream_task_ids = set(), set()
        self.dag, self.parent_group, self._group_id = dag, None, None
        if _root:
            self.used_group_ids = set()
            return
        if group_id is None:
            raise ValueError("group_id must not be empty")
        ids.check_group(group_id)
        here = scope.current()
        if parent_group is None:
            if dag is None:
                dag = here.dag()
            if here.groups and (here.groups[-1].dag is dag or dag is None):
                parent_group = here.groups[-1]
            elif dag is not None:
                parent_group = dag.task_group
        if parent_group is None:
            raise RuntimeError("TaskGroup can only be used inside a dag")
        self._join(group_id, parent_group, add_suffix_on_collision)

    def _join(self, group_id: Optional[str], parent: Any, suffix: bool) -> None:
        self.dag = parent.dag
        self.used_group_ids = parent.used_group_ids
        taken = self.used_group_ids | (set(self.dag.task_dict) if self.dag is not None else set())
        prefix = parent.child_prefix
        full = prefix + group_id
        if full in taken:
            if not suffix:
                raise errors.DuplicateTaskIdFound("group_id '%s' has already been added to the Dag" % group_id)
            group_id = ids.free(group_id, taken, prefix)
            full = prefix + group_id
        self._group_id = group_id
        self.used_group_ids.add(full)
        self.default_args = {**parent.default_args, **self.default_args}
        parent.add(self)

    @property
    def is_root(self) -> bool:
        """Whether it is the DAG itself."""
        return self._group_id is None

    @property
    def group_id(self) -> Any:
        """The full id."""
        if self.parent_group is not None and self.parent_group.prefix_group_id and self._group_id is not None \
                and self.parent_group.node_id:
            return "%s.%s" % (self.parent_group.node_id, self._group_id)
        return self._group_id

    @property
    def node_id(self) -> Any:
        """The full id."""
        return self.group_id

    @property
    def label(self) -> Any:
        """The id without those of the groups around."""
        return self.group_display_name or self._group_id

    @property
    def child_prefix(self) -> Any:
        """What ids of its children begin with."""
        if self.is_root or not self.prefix_group_id or not self.group_id:
            return ""
        return self.group_id + "."

    def child_id(self, label: str) -> Any:
        """The full id of a child."""
        return self.child_prefix + label

    @property
    def group_downstream_join_id(self) -> str:
        """Airflow's id of the point where what follows the group begins."""
        return "%s.downstream_join_id" % self.group_id

    @property
    def group_upstream_join_id(self) -> str:
        """Airflow's id of the point where what precedes the group ends."""
        return "%s.upstream_join_id" % self.group_id

    def add(self, node: Any) -> Any:
        """Puts a task or group into it."""
        from updraft_dags.operator import AbstractOperator
        is_task = isinstance(node, AbstractOperator)
        if is_task and node.task_group is not None and node.task_group is not self:
            raise errors.TaskAlreadyInTaskGroup(node.node_id, node.task_group.node_id, self.node_id)
        if not is_task:
            node.parent_group = self
        key = node.node_id
        known = self.dag.task_dict.get(key) if self.dag is not None and is_task else None
        taken = key in self.children and self.children[key] is not node
        if taken or (known is not None and known is not node) or (is_task and key in self.used_group_ids):
            raise errors.DuplicateTaskIdFound("%s id '%s' has already been added to the Dag"
                                              % ("Task" if is_task else "Task Group", key))
        if is_task:
            node.task_group = self
        self.children[key] = node
        return node

    def __iter__(self) -> Iterator[Any]:
        """All tasks in it and in the groups inside."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child
            else:
                yield child

    iter_tasks = __iter__

    def has_task(self, task: Any) -> bool:
        """Whether a task is in it."""
        return any(t is task for t in self)

    def get_task_group_dict(self) -> Any:
        """All groups in it by id."""
        found = {self.group_id: self}
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                found.update(child.get_task_group_dict())
        return found

    def get_child_by_label(self, label: str) -> Any:
        """The task or group with this id inside of it."""
        return self.children[self.child_id(label)]

    def get_roots(self) -> Iterator[Any]:
        """The tasks without an upstream inside."""
        inside = {t.task_id for t in self}
        for task in self:
            if inside.isdisjoint(task.upstream_task_ids):
                yield task

    def get_leaves(self) -> Iterator[Any]:
        """The tasks without a downstream inside; for a teardown, the work before it."""
        members = {t.task_id: t for t in self}
        for task in members.values():
            if members.keys().isdisjoint(task.downstream_task_ids):
                if task.is_teardown:
                    yield from _work_before(task, members)
                else:
                    yield task

    roots = property(lambda self: list(self.get_roots()))
    leaves = property(lambda self: list(self.get_leaves()))

    def update_relative(self, other: Any, upstream: bool = True, edge_modifier: Any = None) -> None:
        """Notes what is before and after it."""
        if isinstance(other, TaskGroup):
            (self.upstream_group_ids if upstream else self.downstream_group_ids).add(other.group_id)
            (other.downstream_group_ids if upstream else other.upstream_group_ids).add(self.group_id)
            return
        for task in (other.roots if upstream else other.leaves):
            (self.upstream_task_ids if upstream else self.downstream_task_ids).add(task.node_id)

    def set_upstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is before its roots."""
        self._connect(task_or_task_list, True, edge_modifier)

    def set_downstream(self, task_or_task_list: Any, edge_modifier: Any = None) -> None:
        """What is after its leaves."""
        self._connect(task_or_task_list, False, edge_modifier)

    def _connect(self, others: Any, upstream: bool, edge_modifier: Any) -> None:
        others = as_list(others)
        for other in others:
            if not isinstance(other, Dependencies):
                raise TypeError("Relationships can only be set between Operators; received %s" % type(other).__name__)
            if not isinstance(other, TaskGroup):
                other.update_relative(self, not upstream, edge_modifier=edge_modifier)
            self.update_relative(other, upstream, edge_modifier=edge_modifier)
        for task in self.roots if upstream else self.leaves:
            if upstream:
                task.set_upstream(others, edge_modifier)
            else:
                task.set_downstream(others, edge_modifier)

    def as_setup(self) -> Any:
        """Groups are no setups; their tasks are."""
        for task in self:
            task.as_setup()
        return self

    def as_teardown(self, **kwargs: Any) -> Any:
        """Makes its tasks teardowns."""
        for task in self:
            task.as_teardown(**kwargs)
        return self

    def __enter__(self) -> Any:
        here = scope.current()
        if self.dag is not None and here.dag() is not self.dag:
            here.dags.append(self.dag)
            self.__dict__["_opened"] = True
        here.groups.append(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        here = scope.current()
        here.groups.pop()
        if self.__dict__.pop("_opened", False):
            here.dags.pop()

    def __repr__(self) -> str:
        return "<TaskGroup: %s>" % self.group_id


def _work_before(teardown: Any, members: Any) -> Iterator[Any]:
    for task in teardown.upstream_list:
        if task.task_id not in members:
            continue
        if task.is_teardown:
            yield from _work_before(task, members)
        elif not task.is_setup:
            others = [d for d in task.downstream_list if d is not teardown and d.task_id in members]
            if all(d.is_teardown for d in others):
                yield task


class MappedTaskGroup(TaskGroup):
    """A group whose tasks are instantiated once per element."""

    is_mapped = True

    def __init__(self, *, mapping: Any, **kwargs: Any) -> None:
        self.mapping = mapping
        super().__init__(**kwargs)

    def __exit__(self, *exc: Any) -> None:
        for operator in self.mapping.references():
            self.set_upstream(operator)
        super().__exit__(*exc)


class TaskGroupFactory:
    """What @task_group makes of a function."""

    def __init__(self, function: Callable[..., Any], kwargs: dict[str, Any], partial_kwargs: Any = None) -> None:
        self.function, self.kwargs = function, dict(kwargs)
        self.kwargs.setdefault("group_id", function.__name__)
        self.kwargs.setdefault("add_suffix_on_collision", True)
        self.partial_kwargs = partial_kwargs or {}
        functools.update_wrapper(self, function)

    def override(self, **kwargs: Any) -> Any:
        """The same with other settings of the group."""
        return TaskGroupFactory(self.function, {**self.kwargs, **kwargs}, self.partial_kwargs)

    def partial(self, **kwargs: Any) -> Any:
        """Arguments that all instances share."""
        self._check("partial", kwargs)
        return TaskGroupFactory(self.function, self.kwargs, {**self.partial_kwargs, **kwargs})

    def _check(self, what: str, kwargs: dict[str, Any]) -> None:
        names = signatures.of(self.function).parameters
        if any(p.kind is p.VAR_KEYWORD for p in names.values()):
            return
        unknown = [name for name in kwargs if name not in names]
        if unknown:
            raise TypeError("%s() got an unexpected keyword argument %s" % (what, ", ".join(repr(n) for n in unknown)))

    def expand(self, **kwargs: Any) -> Any:
        """A mapped group, over lists and outputs."""
        from updraft_dags.mapping import Lists
        if not kwargs:
            raise TypeError("no arguments to expand against")
        self._check("expand", kwargs)
        twice = sorted(set(kwargs) & set(self.partial_kwargs))
        if twice:
            raise TypeError("mapping already partial argument: %s" % ", ".join(twice))
        return self._mapped(Lists(kwargs), kwargs)

    def expand_kwargs(self, kwargs: dict[str, Any]) -> Any:
        """A mapped group, over a list of dicts or an output."""
        from updraft_dags.mapping import Dicts
        names = [n for n in signatures.of(self.function).parameters if n not in self.partial_kwargs]
        return self._mapped(Dicts(kwargs), names)

    def _mapped(self, mapping: Any, names: Iterable[str]) -> Any:
        from updraft_dags.xcomarg import MappedArgument
        arguments = {name: MappedArgument(mapping, name) for name in names}
        group = MappedTaskGroup(mapping=mapping, **self.kwargs)
        return self._fill(group, (), {**self.partial_kwargs, **arguments})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._fill(TaskGroup(**self.kwargs), args, {**self.partial_kwargs, **kwargs})

    def _fill(self, group: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        with group:
            if self.function.__doc__ and not group.tooltip:
                group.tooltip = self.function.__doc__
            made = self.function(*args, **kwargs)
        return group if made is None else made


def task_group(group_id: Optional[str] = None, **kwargs: Any) -> Any:
    """Makes a function a task group: @task_group, or @task_group(group_id=..., ...)."""
    if callable(group_id):
        return TaskGroupFactory(group_id, kwargs)
    if group_id is not None:
        kwargs["group_id"] = group_id
    return lambda function: TaskGroupFactory(function, kwargs)
