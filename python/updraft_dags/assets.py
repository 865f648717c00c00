"""Assets (datasets of 2.x), their aliases and conditions."""
from __future__ import annotations

from typing import Any, Optional
from urllib.parse import urlsplit, urlunsplit

from updraft_dags import scope


class BaseAsset:
    """What a schedule may consist of; & and | join them."""

    def __and__(self, other: Any) -> Any:
        if not isinstance(other, BaseAsset):
            return NotImplemented
        return AssetAll(self, other)

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, BaseAsset):
            return NotImplemented
        return AssetAny(self, other)


class Asset(BaseAsset):
    """Something that tasks write and others wait for."""

    def __init__(self, name: Optional[str] = None, uri: Optional[str] = None, *, group: str = "asset",
                 extra: Any = None, watchers: Any = None, access_control: Any = None) -> None:
        if name is None and uri is None:
            raise TypeError("Asset() requires either 'name' or 'uri'")
        name, uri = (name if name is not None else uri), (uri if uri is not None else name)
        _check_text("name", name)
        self.name, self.uri, self.group = name, _clean(uri), group
        self.extra = dict(extra or {})
        self.watchers = list(watchers or [])
        scope.current().assets.append(self)

    @staticmethod
    def ref(name: Optional[str] = None, uri: Optional[str] = None) -> Any:
        """An asset that is defined elsewhere."""
        if (name is None) == (uri is None):
            raise TypeError("Asset reference expects exactly one of 'name' and 'uri'")
        return AssetNameRef(name) if name is not None else AssetUriRef(uri)

    @property
    def normalized_uri(self) -> Any:
        """The URI."""
        return self.uri

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Asset) and (self.name, self.uri, self.group, self.extra) == (
            other.name, other.uri, other.group, other.extra)

    def __hash__(self) -> int:
        return hash((self.name, self.uri))

    def __fspath__(self) -> str:
        return self.uri

    def __repr__(self) -> str:
        return "%s(name=%r, uri=%r, group=%r, extra=%r)" % (type(self).__name__, self.name, self.uri, self.group, self.extra)


class Dataset(Asset):
    """2.x: an asset whose first argument is its URI."""

    def __init__(self, uri: Optional[str] = None, extra: Any = None, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", None), uri=uri, extra=extra, **kwargs)


class Model(Asset):
    """An asset that is a model."""

    asset_type = "model"


def _check_text(what: str, text: str) -> None:
    if not isinstance(text, str):
        raise TypeError("%s must be a text, not %s" % (what, type(text).__name__))
    if not text:
        raise ValueError("Asset %s cannot be empty" % what)
    if text.isspace():
        raise ValueError("Asset %s cannot be just whitespace" % what)
    if len(text) > 1500:
        raise ValueError("Asset %s must be at most 1500 characters" % what)


def _clean(uri: Optional[str]) -> Any:
    """The URI with its scheme and host in lower case and the query sorted, as Airflow keeps it."""
    _check_text("uri", uri)
    if not uri.isascii():
        raise ValueError("Asset uri must only consist of ASCII characters")
    parts = urlsplit(uri)
    if not parts.scheme and not parts.netloc:
        return uri
    if parts.scheme.lower() == "airflow":
        raise ValueError("Asset scheme must not be `airflow`")
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    return urlunsplit((parts.scheme.lower(), parts.netloc, parts.path.rstrip("/") or parts.path, query, ""))


class AssetNameRef(BaseAsset):
    """An asset by its name."""

    def __init__(self, name: Optional[str]) -> None:
        self.name = name


class AssetUriRef(BaseAsset):
    """An asset by its URI."""

    def __init__(self, uri: Optional[str]) -> None:
        self.uri = uri


class AssetAlias(BaseAsset):
    """A name for assets that a task finds while it runs."""

    def __init__(self, name: Optional[str], *, group: str = "asset") -> None:
        _check_text("alias", name)
        self.name, self.group = name, group

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, AssetAlias) and self.name == other.name


class _Condition(BaseAsset):
    def __init__(self, *objects: Any) -> None:
        if not all(isinstance(one, BaseAsset) for one in objects):
            raise TypeError("expect asset expressions in condition")
        self.objects = list(objects)


class AssetAll(_Condition):
    """All of them must have been updated."""

    def __and__(self, other: Any) -> Any:
        return AssetAll(*self.objects, other) if isinstance(other, BaseAsset) else NotImplemented


class AssetAny(_Condition):
    """One of them must have been updated."""

    def __or__(self, other: Any) -> Any:
        return AssetAny(*self.objects, other) if isinstance(other, BaseAsset) else NotImplemented


class AssetWatcher:
    """A trigger that watches an asset from outside; Updraft has none."""

    def __init__(self, *, name: Optional[str], trigger: Any) -> None:
        self.name, self.trigger = name, trigger


class Metadata:
    """What a task yields to add to an asset's event."""

    def __init__(self, asset: Any, extra: Any = None, alias: Any = None) -> None:
        self.asset, self.extra, self.alias = asset, extra or {}, alias


def known(ref: Any) -> Any:
    """The asset of the file being read that a reference names, or None."""
    for asset in scope.current().assets:
        if getattr(ref, "name", None) == asset.name or getattr(ref, "uri", None) == asset.uri:
            return asset
    return None
