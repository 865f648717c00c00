"""Databases by Python's DB-API."""
from __future__ import annotations

import contextlib
import importlib
import os
import re
import sqlite3
from typing import Any, Callable, Iterable, Iterator, Optional
from urllib.parse import quote

from updraft_runner.exceptions import AirflowException, AirflowOptionalProviderFeatureException
from updraft_runner.secrets import BaseHook


def fetch_all_handler(cursor: Any) -> Any:
    """All rows; None when the statement has none."""
    return cursor.fetchall() if cursor.description is not None else None


def fetch_one_handler(cursor: Any) -> Any:
    """The first row; None when the statement has none."""
    return cursor.fetchone() if cursor.description is not None else None


class DbApiHook(BaseHook):
    """What hooks of databases have in common."""

    conn_name_attr, default_conn_name = "conn_id", "default_conn_id"
    supports_autocommit = False
    supports_executemany = False
    placeholder = "%s"
    connector: Any = None

    def __init__(self, *args: Any, schema: Optional[str] = None, log_sql: bool = True, **kwargs: Any) -> None:
        super().__init__()
        self._schema, self.log_sql = schema, log_sql
        given = args[0] if args else kwargs.pop(self.conn_name_attr, kwargs.pop("conn_id", self.default_conn_name))
        setattr(self, self.conn_name_attr, given)
        for name, value in kwargs.items():
            setattr(self, name, value)
        self.descriptions: list[Any] = []

    def get_conn_id(self) -> str:
        """The id of its connection."""
        return getattr(self, self.conn_name_attr)

    @property
    def connection(self) -> Any:
        """Its connection."""
        return self.get_connection(self.get_conn_id())

    def get_conn(self) -> Any:
        """An open connection of the driver."""
        found = self.connection
        return self.connector.connect(host=found.host, port=found.port, username=found.login, schema=found.schema)

    def get_uri(self) -> str:
        """The connection as a URI, for SQLAlchemy."""
        return self.connection.get_uri()

    def get_sqlalchemy_engine(self, engine_kwargs: Optional[dict[str, Any]] = None) -> Any:
        """SQLAlchemy's engine, when that is installed."""
        return _module("sqlalchemy", "sqlalchemy").create_engine(self.get_uri(), **(engine_kwargs or {}))

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        with contextlib.closing(self.get_conn()) as conn:
            yield conn

    def get_cursor(self) -> Any:
        """A cursor of a connection of its own."""
        return self.get_conn().cursor()

    def set_autocommit(self, conn: Any, autocommit: bool) -> None:
        """Commits each statement by itself, or not."""
        conn.autocommit = autocommit

    def get_records(self, sql: Any, parameters: Any = None) -> Any:
        """All rows."""
        return self.run(sql, parameters=parameters, handler=fetch_all_handler)

    def get_first(self, sql: Any, parameters: Any = None) -> Any:
        """The first row."""
        return self.run(sql, parameters=parameters, handler=fetch_one_handler)

    def get_pandas_df(self, sql: Any, parameters: Any = None, **kwargs: Any) -> Any:
        """The rows as a DataFrame, when pandas is installed."""
        pandas = _module("pandas", "pandas")
        with self._open() as conn:
            return pandas.read_sql(sql, con=conn, params=parameters, **kwargs)

    get_df = get_pandas_df

    def run(self, sql: Any, autocommit: bool = False, parameters: Any = None,
            handler: Optional[Callable[[Any], Any]] = None, split_statements: bool = False,
            return_last: bool = True) -> Any:
        """Executes one statement, or a list of them, and commits; what handler
        makes of the cursors."""
        single = isinstance(sql, str) and (return_last or not split_statements)
        if isinstance(sql, str):
            statements = self.split_sql_string(sql) if split_statements else [self.strip_sql_string(sql)]
        else:
            statements = [s.strip() for s in sql]
        statements = [s for s in statements if s]
        if not statements:
            raise ValueError("List of SQL statements is empty")
        results, self.descriptions = [], []
        with self._open() as conn:
            if self.supports_autocommit:
                self.set_autocommit(conn, autocommit)
            with contextlib.closing(conn.cursor()) as cursor:
                for statement in statements:
                    self._run_command(cursor, statement, parameters)
                    if handler is not None:
                        results.append(handler(cursor))
                        self.descriptions.append(cursor.description)
            if not (autocommit and self.supports_autocommit):
                conn.commit()
        if handler is None:
            return None
        return results[-1] if single else results

    def _run_command(self, cursor: Any, statement: str, parameters: Any) -> None:
        if self.log_sql:
            self.log.info("Running statement: %s, parameters: %s", statement, parameters)
        cursor.execute(*([statement, parameters] if parameters else [statement]))
        if cursor.rowcount >= 0:
            self.log.info("Rows affected: %s", cursor.rowcount)

    @property
    def last_description(self) -> Any:
        """The columns of the last result."""
        return self.descriptions[-1] if self.descriptions else None

    @staticmethod
    def strip_sql_string(sql: str) -> str:
        """Without spaces and semicolons at the end."""
        return sql.strip().rstrip(";")

    @classmethod
    def split_sql_string(cls, sql: str, strip_semicolon: bool = False) -> list[str]:
        """The statements of a text: quotes and comments may hold semicolons."""
        parts, start = [], 0
        for found in re.finditer(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|;", sql, re.S):
            if found.group() == ";":
                parts.append(sql[start:found.end() - (1 if strip_semicolon else 0)])
                start = found.end()
        parts.append(sql[start:])
        return [p.strip() for p in parts if p.strip(" \t\r\n;")]

    def insert_rows(self, table: str, rows: Iterable[Any], target_fields: Optional[Iterable[str]] = None,
                    commit_every: int = 1000, replace: bool = False, *, executemany: bool = False, **_: Any) -> None:
        """Inserts rows, with a commit after every commit_every of them."""
        del executemany
        with self._open() as conn:
            if self.supports_autocommit:
                self.set_autocommit(conn, False)
            with contextlib.closing(conn.cursor()) as cursor:
                count = 0
                for count, row in enumerate(rows, 1):
                    values = tuple(row) if isinstance(row, (list, tuple)) else (row,)
                    cursor.execute(self._insert(table, values, target_fields, replace), values)
                    if commit_every and count % commit_every == 0:
                        conn.commit()
            conn.commit()
        self.log.info("Done loading. Loaded a total of %s rows into %s", count, table)

    def _insert(self, table: str, values: Any, target_fields: Any, replace: bool) -> str:
        fields = " (%s)" % ", ".join(target_fields) if target_fields else ""
        return "%s INTO %s%s VALUES (%s)" % ("REPLACE" if replace else "INSERT", table, fields,
                                            ",".join([self.placeholder] * len(values)))

    def test_connection(self) -> tuple[bool, str]:
        """Whether the database answers."""
        try:
            self.get_first("select 1")
        except Exception as error:
            return False, str(error)
        return True, "Connection successfully tested"


def _module(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise AirflowOptionalProviderFeatureException(
            "%s is not installed for this Python: pip install %s" % (name, package)) from None


class SqliteHook(DbApiHook):
    """A SQLite file: the connection's host, as a path or a URI."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "sqlite_conn_id", "sqlite_default", "sqlite", "Sqlite"
    placeholder = "?"

    def get_conn(self) -> sqlite3.Connection:
        """The open file."""
        found = self.connection
        path = found.host or found.schema or ":memory:"
        if found.host and found.schema:
            path = os.path.join(found.host, found.schema)
        extra = found.extra_dejson
        query = "&".join("%s=%s" % (k, v) for k, v in extra.items() if isinstance(v, (str, int)))
        if path.startswith("file:") or query and path != ":memory:":
            uri = path if path.startswith("file:") else "file:" + quote(path)
            return sqlite3.connect(uri + ("?" + query if query and "?" not in uri else ""), uri=True)
        return sqlite3.connect(path)

    def get_uri(self) -> str:
        """For SQLAlchemy."""
        return "sqlite:///" + (self.connection.host or ":memory:")


class PostgresHook(DbApiHook):
    """PostgreSQL, by psycopg 3 or psycopg2, whichever is installed."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "postgres_conn_id", "postgres_default", "postgres", "Postgres"
    supports_autocommit = True
    options: Optional[str] = None
    database: Optional[str] = None

    def get_conn(self) -> Any:
        """The open connection."""
        found = self.connection
        given = {"host": found.host, "port": found.port or 5432, "user": found.login, "password": found.password,
                 "dbname": self.database or self._schema or found.schema}
        given.update({k: v for k, v in found.extra_dejson.items() if k.startswith("ssl") or k in ("options", "connect_timeout")})
        if self.options:
            given["options"] = self.options
        try:
            driver = importlib.import_module("psycopg2")
        except ImportError:
            driver = _module("psycopg", "'psycopg[binary]' or psycopg2-binary")
        return driver.connect(**{k: v for k, v in given.items() if v is not None})

    def get_uri(self) -> str:
        """For SQLAlchemy."""
        return self.connection.get_uri().replace("postgres://", "postgresql://", 1)

    def copy_expert(self, sql: str, filename: str) -> None:
        """COPY between a table and a file, as sql says: FROM STDIN or TO STDOUT."""
        into = re.search(r"(?i)\bto\s+stdout\b", sql) is not None
        with open(filename, "wb" if into else "rb") as file, self._open() as conn, contextlib.closing(conn.cursor()) as cursor:
            if hasattr(cursor, "copy_expert"):
                cursor.copy_expert(sql, file)
            else:
                _copy(cursor, sql, file, into)
            conn.commit()

    def bulk_load(self, table: str, tmp_file: str) -> None:
        """Fills a table from a file with tabs."""
        self.copy_expert("COPY %s FROM STDIN" % table, tmp_file)

    def bulk_dump(self, table: str, tmp_file: str) -> None:
        """Writes a table to a file with tabs."""
        self.copy_expert("COPY %s TO STDOUT" % table, tmp_file)


def _copy(cursor: Any, sql: str, file: Any, into: bool) -> None:
    """COPY as psycopg 3 does it."""
    with cursor.copy(sql) as copy:
        if into:
            for block in copy:
                file.write(block)
        else:
            while block := file.read(1 << 16):
                copy.write(block)


class MySqlHook(DbApiHook):
    """MySQL, by mysqlclient, mysql-connector or PyMySQL, whichever is installed."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "mysql_conn_id", "mysql_default", "mysql", "MySQL"
    supports_autocommit = True

    def get_conn(self) -> Any:
        """The open connection."""
        found = self.connection
        given = {"host": found.host or "localhost", "port": found.port or 3306, "user": found.login or "",
                 "password": found.password or "", "database": self._schema or found.schema or ""}
        for name in ("MySQLdb", "mysql.connector"):
            try:
                return importlib.import_module(name).connect(**given)
            except ImportError:
                continue
        return _module("pymysql", "pymysql").connect(**given)

    def set_autocommit(self, conn: Any, autocommit: bool) -> None:
        """Commits each statement by itself, or not."""
        if callable(getattr(conn, "autocommit", None)):
            conn.autocommit(autocommit)
        else:
            conn.autocommit = autocommit


def hook_of(conn_id: str, hook_params: Optional[dict[str, Any]] = None) -> DbApiHook:
    """The database hook of a connection."""
    found = BaseHook.get_hook(conn_id, hook_params=hook_params)
    if not isinstance(found, DbApiHook):
        raise AirflowException(
            "The connection type is not supported by SQL operators: the hook of %s should be a subclass of "
            "DbApiHook, not %s" % (conn_id, type(found).__name__))
    return found
