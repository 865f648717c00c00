"""What only a DAG file makes: the functions, methods and objects of its DAGs and tasks.

The file is executed again in each attempt, as the module of any callable is.
"""
from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Callable, Optional

from updraft_runner import session
from updraft_runner.exceptions import (
    AirflowSkipException, AirflowTaskTerminated, AirflowTaskTimeout, TaskDeferralError, TaskDeferralTimeout, TaskDeferred)

_loaded: dict[Any, Any] = {}
_running: Optional[dict[str, Any]] = None


def running() -> Any:
    """The {"file", "dag", "task"} of the task's object whose method is called; None beside that."""
    return _running


def dags(path: str, dag: str = "", task: str = "") -> Any:
    """The DAGs that executing the file makes, by id; once per process for each DAG that is
    wanted, as a file may ask for what it is read (get_parsing_context) and make no other."""
    if (path, dag) not in _loaded:
        from updraft_dags import imports, parse, scope
        imports.forget()
        scope.read_for(dag, task)
        _loaded[path, dag] = parse.load(path, os.path.dirname(path))
    return _loaded[path, dag]


def find(what: dict[str, Any], own_modules: set[str]) -> Any:
    """The object of {"file", "dag", "task", "name"}. Classes of the file's modules, and of
    those beside it, may then be read from XComs: own_modules gets their names."""
    from updraft_dags import locate
    found = locate.locate(dags(what["file"], what["dag"], what.get("task", "")), what["dag"], what.get("task", ""), what.get("name", ""))
    folder = os.path.dirname(what["file"]) + os.sep
    own_modules.update(
        name for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", None) or "").startswith(folder))
    return found


def stand_behind(context: dict[str, Any], what: dict[str, Any]) -> None:
    """Lets the DAG and the task of the file answer for what Go did not send of them: arguments,
    tasks before and after."""
    dag = dags(what["file"], what["dag"], what.get("task", "")).get(what["dag"])
    if dag is None:
        return
    context["dag"].stand_before(dag)
    task = dag.task_dict.get(getattr(context["task"], "task_id", None))
    if task is not None:
        context["task"].stand_before(task)
        for name in ("inlets", "outlets"):  # the file's own, so that they are equal to its variables
            own = list(getattr(task, name, None) or ())
            if len(own) == len(context[name]):
                context[name] = own


def value(what: dict[str, Any]) -> Any:
    """An argument that was no JSON when the DAG was read, or a function."""
    from updraft_runner import calls
    own = session.current().own_modules
    return find(what, own) if what.get("dag") else calls.load(what, own)


class Method:
    """A method of a task's object: execute, poke, choose_branch."""

    def __init__(self, what: dict[str, Any], own_modules: set[str]) -> None:
        global _running
        self.name = what.get("name") or "execute"
        _running = what
        self.task = find(dict(what, name=""), own_modules)

    def __call__(self, context: dict[str, Any], attributes: dict[str, Any], kwargs: dict[str, Any]) -> Any:
        """Calls it with the context. A mapped task is made first, with kwargs as the mapped
        arguments; attributes are its template fields, rendered."""
        task = self.task.unmap(kwargs) if self.task.is_mapped else self.task
        for name, field in attributes.items():
            task.__dict__[name] = field  # past __setattr__, which looks for XComArgs
        _join(context, task)
        function = getattr(task, self.name)
        try:
            return _execute(task, function, context) if self.name == "execute" else function(context)
        except (AirflowTaskTerminated, AirflowTaskTimeout):
            task.on_kill()
            raise


def _join(context: dict[str, Any], task: Any) -> None:
    """The context's task is the object; what Go says of the task stays there, too."""
    known = context["task"]
    for name, field in vars(known).items():
        if not hasattr(task, name):
            task.__dict__[name] = field
    context["task"] = context["ti"].task = task


def _execute(task: Any, function: Callable[..., Any], context: dict[str, Any]) -> Any:
    """execute with what goes before and after it."""
    for before in (getattr(task, "_pre_execute_hook", None), task.pre_execute):
        if before is not None:
            before(context)
    result = _resumed(task, function, context)
    for after in (getattr(task, "_post_execute_hook", None), task.post_execute):
        if after is not None:
            after(context, result)
    return result


def _resumed(task: Any, function: Callable[..., Any], context: dict[str, Any]) -> Any:
    """Calls execute. What it defers to is waited for here: there is no triggerer."""
    from updraft_dags import triggers
    kwargs: dict[str, Any] = {}
    wish = _first_wish(task)
    while True:
        try:
            if wish is None:
                return function(context, **kwargs)
        except TaskDeferred as deferred:
            wish = deferred
        event = _wait(task, wish)
        if isinstance(event, triggers.TaskSuccessEvent):
            return event.payload
        if isinstance(event, triggers.TaskSkippedEvent):
            raise AirflowSkipException("the trigger skipped the task")
        if isinstance(event, triggers.TaskFailedEvent):
            raise TaskDeferralError("the trigger failed the task")
        function, kwargs = getattr(task, wish.method_name), {**(wish.kwargs or {}), "event": event.payload}
        wish = None


def _first_wish(task: Any) -> Any:
    """What a task waits for that starts with a trigger instead of execute; None for others."""
    start = getattr(task, "start_trigger_args", None)
    if start is None or not getattr(task, "start_from_trigger", False):
        return None
    module, _, name = start.trigger_cls.rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    return TaskDeferred(trigger=kind(**(start.trigger_kwargs or {})), method_name=start.next_method,
                        kwargs=start.next_kwargs, timeout=start.timeout)


def _wait(task: Any, deferred: Any) -> Any:
    from updraft_dags import triggers
    task.log.info("Waiting for %r in this process: Updraft has no triggerer", deferred.trigger)
    try:
        return triggers.first(deferred.trigger, deferred.timeout)
    except triggers.asyncio.TimeoutError:
        raise TaskDeferralTimeout("the trigger did not fire within %s" % deferred.timeout) from None
    except Exception as error:
        raise TaskDeferralError("the trigger failed: %s" % error) from error
