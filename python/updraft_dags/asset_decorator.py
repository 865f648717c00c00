"""@asset: a function that makes an asset, and the DAG that does it."""
from __future__ import annotations

import inspect
from typing import Any, Callable, Optional

from updraft_dags.assets import Asset, BaseAsset
from updraft_dags.context_keys import CONTEXT_KEYS
from updraft_runner import signatures


class AssetDefinition(Asset):
    """What @asset makes: an asset that others may wait for."""

    def __init__(self, name: str, uri: Optional[str], function: Callable[..., Any], source: Any) -> None:
        super().__init__(name=name, uri=uri, group=source.group, extra=source.extra, watchers=source.watchers)
        self.function = function
        source.build(name, function, [self], self)


class MultiAssetDefinition(BaseAsset):
    """What @asset.multi makes: a DAG with several outlets."""

    def __init__(self, name: str, function: Callable[..., Any], source: Any, outlets: Any) -> None:
        self.name, self.function = name, function
        source.build(name, function, outlets, self)

    def iter_outlets(self) -> Any:
        """The assets."""
        return iter(self.outlets)


class asset:  # noqa: N801  Airflow's name
    """Makes a function an asset of its name. Its arguments are assets it reads, but for
    self (the asset) and context."""

    def __init__(self, *, schedule: Any, uri: Optional[str] = None, group: Any = "asset", extra: Any = None,
                 watchers: Any = None, is_paused_upon_creation: Any = None, dag_id: Optional[str] = None,
                 dag_display_name: Any = None, description: Any = None, params: Any = None,
                 on_success_callback: Any = None, on_failure_callback: Any = None, access_control: Any = None,
                 owner_links: Any = None, tags: Any = None, **task: Any) -> None:
        self.schedule, self.uri, self.group, self.extra, self.watchers = schedule, uri, group, extra, watchers
        self.dag_id, self.task = dag_id, task
        self.dag = {
            "is_paused_upon_creation": is_paused_upon_creation, "dag_display_name": dag_display_name, "description": description,
            "params": params, "on_success_callback": on_success_callback, "on_failure_callback": on_failure_callback,
            "access_control": access_control, "owner_links": owner_links, "tags": tags}

    def __call__(self, function: Callable[..., Any]) -> Any:
        if function.__name__ != function.__qualname__:
            raise ValueError("nested function not supported")
        return AssetDefinition(function.__name__, self.uri or function.__name__, function, self)

    @classmethod
    def multi(cls, *, schedule: Any, outlets: Any, **kwargs: Any) -> Any:
        """Makes a function a DAG that updates several assets."""
        if not outlets:
            raise ValueError("no outlets provided")
        source = cls(schedule=schedule, **kwargs)
        return lambda function: MultiAssetDefinition(function.__name__, function, source, list(outlets))

    def build(self, name: str, function: Callable[..., Any], outlets: Any, made: Any) -> None:
        """The DAG with its one task."""
        from updraft_dags.dag import DAG
        from updraft_dags.providers import classes
        inlets = [Asset.ref(name=n) for n, p in signatures.of(function).parameters.items()
                  if n not in ("self", "context") and p.default is p.empty and n != "outlet_events" and n not in CONTEXT_KEYS]
        operator = getattr(classes, "airflow.providers.standard.operators.python.PythonOperator")
        kind = type(operator)("_AssetMainOperator", (operator,), {
            "__module__": "airflow.sdk.definitions.asset.decorators", "__qualname__": "_AssetMainOperator"})
        given = {k: v for k, v in self.dag.items() if v is not None}
        with DAG(self.dag_id or name, schedule=self.schedule, catchup=False, **given) as dag:
            if function.__doc__:
                dag.doc_md = inspect.cleandoc(function.__doc__)
            kind(task_id=name, inlets=inlets, outlets=outlets, python_callable=AssetCall(function, made), **self.task)


class AssetCall:
    """Calls the function of an @asset with what its arguments are named after."""

    def __init__(self, function: Callable[..., Any], made: Any) -> None:
        self.function, self.made = function, made
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, **context: Any) -> Any:
        given = {}
        for name, parameter in signatures.of(self.function).parameters.items():
            if name == "self":
                given[name] = self.made
            elif name == "context":
                given[name] = context
            elif name in context:
                given[name] = context[name]
            elif parameter.default is parameter.empty:
                given[name] = Asset.ref(name=name)
        return self.function(**given)
