"""Hooks: clients of other systems that take their address from a connection."""
from __future__ import annotations

import importlib
from typing import Any

# conn_type -> (module of this package, class, the argument that takes the connection's id).
_BY_TYPE = {
    "http": ("http", "HttpHook", "http_conn_id"),
    "https": ("http", "HttpHook", "http_conn_id"),
    "sqlite": ("sql", "SqliteHook", "sqlite_conn_id"),
    "postgres": ("sql", "PostgresHook", "postgres_conn_id"),
    "mysql": ("sql", "MySqlHook", "mysql_conn_id"),
    "aws": ("aws", "AwsGenericHook", "aws_conn_id"),
    "fs": ("files", "FSHook", "fs_conn_id"),
    "smtp": ("smtp", "SmtpHook", "smtp_conn_id"),
    "ssh": ("ssh", "SSHHook", "ssh_conn_id"),
    "email": ("smtp", "SmtpHook", "smtp_conn_id"),
}


def of(connection: Any, params: Any = None) -> Any:
    """The hook of a connection."""
    from updraft_runner.exceptions import AirflowException
    found = _BY_TYPE.get(connection.conn_type)
    if found is None:
        raise AirflowException("Unknown hook type \"%s\" of the connection %s: Updraft has %s" % (
            connection.conn_type, connection.conn_id, ", ".join(sorted(_BY_TYPE))))
    module, name, argument = found
    kind = getattr(importlib.import_module(__name__ + "." + module), name)
    return kind(**{argument: connection.conn_id}, **(params or {}))
