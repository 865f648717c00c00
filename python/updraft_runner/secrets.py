"""Variable and Connection, with the methods of Airflow 2 and 3."""
from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import os
from typing import Any, Optional

from updraft_runner import exceptions, session
from updraft_runner.session import NOTSET

_PREFIXES = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
_at_start: dict[str, str] = {}


def note_environment() -> None:
    """Notes the environment of before any of the author's code: Go knows what that says."""
    _at_start.clear()
    _at_start.update((k, v) for k, v in os.environ.items() if k.startswith(_PREFIXES))


def _written(prefix: Any, name: str) -> Any:
    """What the author's code has put into the environment; None if it has not."""
    key = prefix + name.upper()
    found = os.environ.get(key)
    return None if found == _at_start.get(key) else found


class Variable:
    """Access to variables; missing ones raise KeyError unless a default is given."""

    def __init__(self, key: Optional[str] = None, val: Any = None, description: Any = None) -> None:
        self.key, self.val, self.description = key, val, description

    @classmethod
    def get(cls, key: str, default_var: Any = NOTSET, deserialize_json: bool = False, *, default: Any = NOTSET) -> Any:
        """The variable's text, or what its JSON says."""
        default = default if default_var is NOTSET else default_var
        text = _written("AIRFLOW_VAR_", key)
        if text is None and not session.running():
            return _while_parsing(key, default)
        try:
            if text is None:
                text = session.current().ask("variable_get", key=key)
        except session.NotFound:
            if default is NOTSET:
                raise KeyError("Variable %s does not exist" % key) from None
            return default
        return json.loads(text) if deserialize_json else text

    @classmethod
    def set(cls, key: str, value: Any, description: Any = None, serialize_json: bool = False) -> None:
        """Writes a variable; with serialize_json as JSON."""
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        session.current().ask("variable_set", key=key, value=text, description=description or "")

    @classmethod
    def setdefault(cls, key: str, default: Any, description: Any = None, deserialize_json: bool = False) -> Any:
        """The variable, written first when it is missing."""
        found = cls.get(key, NOTSET if default is None else None, deserialize_json)
        if found is None:
            cls.set(key, default, description, serialize_json=deserialize_json)
            return default
        return found

    @classmethod
    def delete(cls, key: str) -> None:
        """Removes a variable."""
        session.current().ask("variable_delete", key=key)


def _while_parsing(key: str, default: Any) -> Any:
    """A DAG file is read without secrets: only defaults are known there."""
    if default is NOTSET:
        raise KeyError(
            "Variable %s is not known while a DAG file is read: give Variable.get a default, read it inside of a task, "
            "or write {{ var.value.%s }}" % (key, key))
    return default


class Connection:
    """How to reach a system: the fields of Airflow's connections."""

    def __init__(self, conn_id: Optional[str] = None, conn_type: Any = None, description: Any = None, host: Any = None, login: Any = None,
                 password: Any = None, schema: Any = None, port: Any = None, extra: Any = None, uri: Optional[str] = None) -> None:
        self.conn_id, self.description = conn_id, description
        self.conn_type, self.host, self.login, self.password = conn_type, host, login, password
        self.schema, self.port = schema, port
        self.extra = json.dumps(extra) if isinstance(extra, dict) else extra
        if uri:
            self._parse(uri)

    def _parse(self, uri: str) -> None:
        scheme, _, rest = uri.partition("://")
        kind = scheme.replace("-", "_")
        inner, again, tail = rest.partition("://")
        parts = urlsplit("//" + (tail if again else rest))
        self.conn_type = "postgres" if kind == "postgresql" else kind
        host = unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
        self.host = (inner + "://" + host) if again else host
        self.login = unquote(parts.username) if parts.username else parts.username
        self.password = unquote(parts.password) if parts.password else parts.password
        self.schema, self.port = unquote(parts.path[1:]), parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if query:
            self.extra = query["__extra__"] if "__extra__" in query else json.dumps(query)

    @property
    def extra_dejson(self) -> Any:
        """The extra as a dict; {} when there is none."""
        if not self.extra:
            return {}
        try:
            return json.loads(self.extra)
        except ValueError:
            return {}

    def get_extra_dejson(self, *_: Any, **__: Any) -> Any:
        """As extra_dejson."""
        return self.extra_dejson

    def get_password(self) -> Any:
        """The password."""
        return self.password

    def get_hook(self, *, hook_params: Any = None) -> Any:
        """The hook of its type."""
        from updraft_dags import hooks
        return hooks.of(self, hook_params)

    def as_json(self) -> Any:
        """All fields as JSON."""
        names = ("conn_type", "host", "login", "password", "schema", "port")
        return json.dumps({**{n: getattr(self, n) for n in names}, "extra": self.extra_dejson})

    @classmethod
    def from_json(cls, value: Any, conn_id: Optional[str] = None) -> Any:
        """The connection of such JSON."""
        fields = json.loads(value)
        if fields.get("port") not in (None, ""):
            fields["port"] = int(fields["port"])
        return cls(conn_id=conn_id, **fields)

    def get_extra(self) -> Any:
        """The extra as text."""
        return self.extra

    def get_uri(self) -> Any:
        """The connection as a URI, each part percent-encoded."""
        login = ""
        if self.login is not None:
            login = quote(self.login, safe="")
        if self.password is not None:
            login += ":" + quote(self.password, safe="")
        host = self.host or ""
        inner = ""
        if "://" in host:
            inner, _, host = host.partition("://")
            inner += "://"
        uri = "%s://%s%s%s" % ((self.conn_type or "").replace("_", "-"), inner,
                               login + "@" if login else "", quote(host, safe=""))
        if self.port:
            uri += ":%d" % self.port
        if self.schema or login or host or self.port:
            uri += "/" + quote(self.schema or "", safe="")
        return uri + self._query()

    def _query(self) -> Any:
        extra = self.extra_dejson
        if not extra:
            return ""
        plain = all(isinstance(v, str) for v in extra.values())
        return "?" + urlencode(extra if plain else {"__extra__": self.extra})

    @classmethod
    def get(cls, conn_id: str) -> Any:
        """The connection; AirflowNotFoundException when there is none."""
        written = _written("AIRFLOW_CONN_", conn_id)
        if written is not None:
            return cls.from_json(written, conn_id) if written.lstrip().startswith("{") else cls(conn_id, uri=written)
        if not session.running():
            raise exceptions.AirflowNotFoundException(
                "The conn_id `%s` is not known while a DAG file is read: ask for it inside of a task" % conn_id)
        try:
            found = session.current().ask("connection_get", conn_id=conn_id)
        except session.NotFound:
            raise exceptions.AirflowNotFoundException(
                "The conn_id `%s` isn't defined" % conn_id) from None
        return cls(**found)

    get_connection_from_secrets = get

    def __repr__(self) -> str:
        return "Connection(conn_id=%r, conn_type=%r)" % (self.conn_id, self.conn_type)

    __str__ = __repr__


class BaseHook:
    """Base of hooks: finds connections."""

    def __init__(self, logger_name: Any = None, **kwargs: Any) -> None:
        del kwargs
        self._logger_name = logger_name

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """The connection; AirflowNotFoundException when there is none."""
        return Connection.get(conn_id)

    @classmethod
    def get_connections(cls, conn_id: str) -> list[Any]:
        """As get_connection, in a list."""
        return [cls.get_connection(conn_id)]

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: Any = None) -> Any:
        """The hook of a connection, by its type."""
        return cls.get_connection(conn_id).get_hook(hook_params=hook_params)

    def get_conn(self) -> None:
        """What the hook works with; each kind has its own."""
        raise NotImplementedError()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Nothing: Updraft has no form for connections."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """As get_connection_form_widgets."""
        return {}

    @property
    def log(self) -> Any:
        """The hook's logger."""
        import logging
        return logging.getLogger(getattr(self, "_logger_name", None) or "airflow.task.hooks." + type(self).__qualname__)
