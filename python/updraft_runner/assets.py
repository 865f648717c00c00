"""Assets and their events in a task's context."""
from __future__ import annotations

import datetime
import inspect
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Iterator, Optional

from updraft_runner import session, times
from updraft_runner.lazy import plain
from updraft_runner.record import Record

_LOG = logging.getLogger("airflow.task")
_Key = "tuple[str, str, str]"  # name, URI, alias; what is not known is empty


class Asset(Record):
    """An asset that the task reads or writes; an alias has a name only."""

    def __repr__(self) -> str:
        return "Asset(name=%r, uri=%r)" % (self.name, getattr(self, "uri", None))


class AssetEvent(Record):
    """An update of an asset. What came from outside has no source."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(dict(fields, extra=fields.get("extra") or {}))
        self.source_aliases = [Record({"name": n}) for n in fields.get("source_aliases") or ()]
        self.asset = self.dataset = Asset({"name": self.name, "uri": self.uri})

    @property
    def source_task_instance(self) -> Any:
        """The instance that updated the asset, with xcom_pull; None for one from outside."""
        return self._source(task_id=self.source_task_id, map_index=self.source_map_index)

    @property
    def source_dag_run(self) -> Any:
        """The run of it."""
        return self._source()

    def _source(self, **more: Any) -> Any:
        if not self.source_task_id:
            return None
        from updraft_runner.context import DagRun, TaskInstance
        kind = TaskInstance if more else DagRun
        return kind(dict(dag_id=self.source_dag_id, run_id=self.source_run_id, **more))


def key_of(asset: Any) -> Any:
    """What tells the asset, the alias or the reference apart; a text is a URI, as in 2.x."""
    if isinstance(asset, str):
        return "", asset, ""
    name, uri = getattr(asset, "name", None), getattr(asset, "uri", None)
    kinds = {kind.__name__ for kind in type(asset).__mro__}
    if not isinstance(name, str) and not isinstance(uri, str):
        raise TypeError("Key should be either an asset or an asset alias, not %s" % type(asset))
    if kinds & {"AssetAlias", "DatasetAlias"} or isinstance(asset, Asset) and uri is None:
        return "", "", name
    return name or "", uri or "", ""


def _means(key: Any, known: Any) -> bool:
    """Whether a key, which may lack a part, means something known."""
    name, uri, alias = key
    if alias or known[2]:
        return alias == known[2]
    # A text may be a name as well: context["inlet_events"]["name"].
    return bool(name or uri) and (not name or name == known[0]) and (not uri or uri == known[1] or not name and uri == known[0])


class _Accessors:
    """What gives access to the events of an asset by its name or URI, or of an alias."""

    def for_asset(self, *, name: Optional[str] = None, uri: Optional[str] = None) -> Any:
        """As [asset], by name or URI."""
        if not name and not uri:
            raise ValueError("name and uri cannot both be None")
        return self[Record({"name": name, "uri": uri})]  # type: ignore[index]

    def for_asset_alias(self, *, name: str) -> Any:
        """As [alias], by name."""
        return self[Asset({"name": name})]  # type: ignore[index]


class OutletEvent:
    """What the task says of one outlet."""

    def __init__(self, key: Any, asset: Any) -> None:
        self.key, self.asset = key, asset
        self.extra: Any = {}
        self.added: list[dict[str, Any]] = []

    def add(self, asset: Any, extra: Optional[Mapping[str, Any]] = None) -> None:
        """Says that an asset is updated, too, for this alias. (It means nothing for an asset.)"""
        if self.key[2]:
            name, uri, alias = key_of(asset)
            if alias:
                raise TypeError("an asset can be added to the asset alias %r, not another alias" % self.key[2])
            self.added.append({"name": name, "uri": uri, "alias": self.key[2], "extra": dict(extra or {})})

    def add_partitions(self, *_: Any) -> None:
        """Refused: Updraft's assets have no partitions."""
        raise NotImplementedError("Updraft's assets have no partitions: say in .extra which part was updated")

    def __repr__(self) -> str:
        return "OutletEventAccessor(key=%r, extra=%r, asset_alias_events=%r)" % (self.asset, self.extra, self.added)


class OutletEvents(_Accessors, Mapping):
    """The variable outlet_events: what the task says of the assets that it updates."""

    def __init__(self) -> None:
        self._known: dict[Any, OutletEvent] = {}

    def __getitem__(self, asset: Any) -> OutletEvent:
        key = key_of(asset)
        if key not in self._known:
            self._known[key] = OutletEvent(key, asset)
        return self._known[key]

    def __iter__(self) -> Iterator[Any]:
        return iter([one.asset for one in self._known.values()])

    def __len__(self) -> int:
        return len(self._known)

    def take(self, metadata: Any) -> None:
        """What a callable yields: Metadata; anything else is left out with a line in the log."""
        if not hasattr(metadata, "asset") or not hasattr(metadata, "extra"):
            _LOG.warning("Ignoring unknown data of %r received from task", type(metadata))
            return
        self[metadata.asset].extra.update(metadata.extra or {})
        if getattr(metadata, "alias", None):
            self[metadata.alias].add(metadata.asset, metadata.extra)

    def said(self) -> list[dict[str, Any]]:
        """All of it as JSON for Go; TypeError for an extra that is none."""
        found = []
        for one in self._known.values():
            name, uri, alias = one.key
            if one.extra and not alias:
                found.append({"name": name, "uri": uri, "extra": one.extra})
            found.extend(one.added)
        for update in found:
            try:
                json.dumps(update["extra"], allow_nan=False)
            except (TypeError, ValueError) as error:
                raise TypeError("the extra of asset %r is no JSON: %s" % (update["name"] or update["uri"], error)) from None
            if not isinstance(update["extra"], Mapping):
                raise TypeError("the extra of asset %r is no dict but a %s" % (update["name"] or update["uri"], type(update["extra"]).__name__))
        return found


class InletEvents(_Accessors, Mapping):
    """The variable inlet_events: the events of what the task reads, by asset or place."""

    def __init__(self, inlets: Sequence) -> None:
        self._inlets = inlets

    def __getitem__(self, asset: Any) -> Any:
        if isinstance(asset, int):
            asset = self._inlets[asset]
        key = key_of(asset)
        for inlet in self._inlets:
            known = key_of(inlet)
            if _means(key, known):
                return EventsOf(known)
        raise KeyError(asset)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)


class EventsOf(Sequence):
    """The events of one inlet, oldest first, read when they are first looked at."""

    def __init__(self, key: Any) -> None:
        self._query = dict(zip(("name", "uri", "alias"), key))
        self._oldest_first = True
        self._most: Optional[int] = None
        self._events: Optional[list[AssetEvent]] = None

    def after(self, after: Any) -> EventsOf:
        """Only those after a time."""
        return self._narrowed(after=_time(after))

    def before(self, before: Any) -> EventsOf:
        """Only those before a time."""
        return self._narrowed(before=_time(before))

    def ascending(self, ascending: bool = True) -> EventsOf:
        """Oldest first, or newest first."""
        self._oldest_first = ascending
        return self._narrowed()

    def limit(self, limit: Optional[int]) -> EventsOf:
        """At most so many, in the order that is asked for."""
        self._most = limit
        return self._narrowed()

    def _narrowed(self, **more: Any) -> EventsOf:
        self._query.update(more)
        self._events = None
        return self

    def _read(self) -> list[AssetEvent]:
        if self._events is None:
            found = [AssetEvent(e) for e in session.current().ask("asset_events", value=self._query) or ()]
            found = found if self._oldest_first else found[::-1]
            self._events = found if self._most is None else found[:self._most]
        return self._events

    def __getitem__(self, place: Any) -> Any:
        return self._read()[place]

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return "InletEventsAccessor(%s)" % ", ".join("%s=%r" % pair for pair in self._query.items())


def _time(when: Any) -> str:
    when = plain(when)
    parsed = when if isinstance(when, datetime.datetime) else times.parse(when if len(when) > 10 else when + "T00:00:00")
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)).isoformat()


class TriggeringEvents(_Accessors, dict):
    """The variable triggering_asset_events: what started the run, by asset."""

    def __getitem__(self, asset: Any) -> Any:
        key = key_of(asset)
        for known, events in self.items():
            if known is asset or _means(key, key_of(known)):
                return events
        raise KeyError(asset)

    def __contains__(self, asset: Any) -> bool:
        try:
            self[asset]
        except KeyError:
            return False
        return True

    def get(self, asset: Any, default: Any = None) -> Any:
        """The asset's events, or default."""
        return self[asset] if asset in self else default


def triggering(raw: Any) -> TriggeringEvents:
    """What Go sent of the events that started the run."""
    return TriggeringEvents((Asset(one["asset"]), [AssetEvent(e) for e in one["events"]]) for one in raw or ())


def finished(value: Any, outlets: OutletEvents) -> Any:
    """What a callable returned. A generator is run: what it yields is Metadata of assets."""
    if inspect.isasyncgen(value):
        import asyncio
        return asyncio.run(_finished(value, outlets))
    if not inspect.isgenerator(value):
        return value
    while True:
        try:
            outlets.take(next(value))
        except StopIteration as end:
            return end.value


async def _finished(values: Any, outlets: OutletEvents) -> None:
    async for one in values:
        outlets.take(one)
