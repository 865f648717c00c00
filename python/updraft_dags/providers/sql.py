"""SQL statements and checks."""
from __future__ import annotations

from typing import Any

from updraft_dags.hooks import sql as hooks
from updraft_dags.operator import BaseOperator
from updraft_dags.providers.base import BaseBranchOperator
from updraft_dags.providers.native import native
from updraft_dags.sensor import BaseSensorOperator
from updraft_runner.exceptions import AirflowException, AirflowFailException

_SQL = "airflow.providers.common.sql.operators.sql."


class BaseSQLOperator(BaseOperator):
    """An operator that has a database hook."""

    conn_id_field = "conn_id"
    template_fields = ("conn_id", "database", "hook_params")

    def __init__(self, *, conn_id: Any = None, database: Any = None, hook_params: Any = None,
                 retry_on_failure: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id, self.database, self.hook_params = conn_id, database, hook_params or {}
        self.retry_on_failure = retry_on_failure

    def get_db_hook(self) -> hooks.DbApiHook:
        """The hook of its connection."""
        hook = hooks.hook_of(getattr(self, self.conn_id_field), self.hook_params)
        if self.database:
            hook._schema = self.database
        return hook

    def _raise_exception(self, said: str) -> None:
        raise (AirflowException if self.retry_on_failure else AirflowFailException)(said)


BaseSQLOperator.__module__ = _SQL[:-1]


@native(_SQL + "SQLExecuteQueryOperator")
class SQLExecuteQueryOperator(BaseSQLOperator):
    """Executes statements; the rows of the last are the XCom."""

    template_fields_renderers = {"sql": "sql", "parameters": "json"}
    ui_color = "#cdaaed"

    def _ready(self) -> None:
        if self.handler is None:
            self.handler = hooks.fetch_all_handler

    def _should_run_output_processing(self) -> bool:
        return self.do_xcom_push or self.requires_result_fetch

    def execute(self, context: Any) -> Any:
        """Executes them."""
        del context
        fetch = self._should_run_output_processing()
        found = self.get_db_hook().run(
            self.sql, autocommit=self.autocommit, parameters=self.parameters, handler=self.handler if fetch else None,
            split_statements=bool(self.split_statements), return_last=self.return_last)
        if not fetch or found is None:
            return None
        if isinstance(self.sql, str) and (self.return_last or not self.split_statements):
            return self._process_output([found], None)[-1]
        return self._process_output(found, None)

    def _process_output(self, results: list, descriptions: Any) -> Any:
        if self.show_return_value_in_logs:
            self.log.info("Operator output is: %s", results)
        return results


def _of_one_database(path: str, field: str) -> type:
    """A 2.x operator of one database."""
    name = path.rpartition(".")[2]
    made = type(SQLExecuteQueryOperator)(name, (SQLExecuteQueryOperator,), {
        "__doc__": "Executes statements: 2.x's name for SQLExecuteQueryOperator.", "conn_id_field": field})
    return native(path)(made)


SqliteOperator = _of_one_database("airflow.providers.sqlite.operators.sqlite.SqliteOperator", "sqlite_conn_id")
PostgresOperator = _of_one_database("airflow.providers.postgres.operators.postgres.PostgresOperator", "postgres_conn_id")
MySqlOperator = _of_one_database("airflow.providers.mysql.operators.mysql.MySqlOperator", "mysql_conn_id")


@native(_SQL + "SQLCheckOperator")
class SQLCheckOperator(BaseSQLOperator):
    """Fails unless all values of the first row are true."""

    def execute(self, context: Any) -> None:
        """Checks it."""
        del context
        found = self.get_db_hook().get_first(self.sql, self.parameters)
        if not found:
            self._raise_exception("The following query returned zero rows: %s" % self.sql)
        if not all(found.values() if isinstance(found, dict) else found):
            self._raise_exception("Test failed.\nQuery:\n%s\nResults:\n%s" % (self.sql, found))


@native(_SQL + "SQLValueCheckOperator")
class SQLValueCheckOperator(BaseSQLOperator):
    """Fails unless the values of the first row are pass_value."""

    def execute(self, context: Any = None) -> None:
        """Checks them."""
        del context
        found = self.get_db_hook().get_first(self.sql)
        if not found:
            self._raise_exception("The following query returned zero rows: %s" % self.sql)
        if not all(self._fits(value) for value in found):
            self._raise_exception("Test failed.\nPass value:%s\nTolerance:%s\nQuery:\n%s\nResults:\n%s" % (
                self.pass_value, self.tolerance, self.sql, found))

    def _fits(self, value: Any) -> bool:
        try:
            want, have = float(self.pass_value), float(value)
        except (TypeError, ValueError):
            return str(value) == str(self.pass_value)
        slack = abs(want) * float(self.tolerance) if self.tolerance is not None else 0.0
        return want - slack <= have <= want + slack


@native(_SQL + "BranchSQLOperator")
class BranchSQLOperator(BaseSQLOperator, BaseBranchOperator):
    """Follows by what a query says."""

    def choose_branch(self, context: Any) -> Any:
        """The ids to follow."""
        del context
        found = self.get_db_hook().get_first(self.sql, self.parameters)
        if not found:
            raise AirflowException("No rows returned from sql query. Operator expected True or False return value.")
        value = found[0] if isinstance(found, (list, tuple)) else found
        true = value if isinstance(value, bool) else str(value).lower() in ("true", "y", "yes", "1", "on")
        return self.follow_task_ids_if_true if true else self.follow_task_ids_if_false

    execute = BaseBranchOperator.execute


@native("airflow.providers.common.sql.sensors.sql.SqlSensor")
class SqlSensor(BaseSensorOperator):
    """Waits until the first value of a query is true, or as success says."""

    def poke(self, context: Any) -> bool:
        """Asks once."""
        del context
        rows = hooks.hook_of(self.conn_id, self.hook_params).get_records(self.sql, self.parameters)
        if not rows:
            if self.fail_on_empty:
                raise AirflowException("No rows returned, raising as per fail_on_empty flag")
            return False
        value = self.selector(rows[0]) if self.selector else rows[0][0]
        if self.failure is not None and self.failure(value):
            raise AirflowException("Failure criteria met. self.failure(%s) returned True" % (value,))
        return bool(self.success(value)) if self.success is not None else bool(value) and str(value) != "0"


class GenericTransfer(BaseOperator):
    """Copies the rows of a query from one database to a table of another."""

    template_fields = ("source_conn_id", "destination_conn_id", "sql", "destination_table", "preoperator", "insert_args")
    template_ext = (".sql", ".hql")
    template_fields_renderers = {"preoperator": "sql"}
    ui_color = "#b0f07c"

    def __init__(self, *, sql: Any, destination_table: str, source_conn_id: str, destination_conn_id: str,
                 source_hook_params: Any = None, destination_hook_params: Any = None, preoperator: Any = None,
                 insert_args: Any = None, page_size: Any = None, paginated_sql_statement_clause: Any = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        del page_size, paginated_sql_statement_clause
        self.sql, self.destination_table, self.preoperator = sql, destination_table, preoperator
        self.source_conn_id, self.destination_conn_id = source_conn_id, destination_conn_id
        self.source_hook_params, self.destination_hook_params = source_hook_params, destination_hook_params
        self.insert_args = insert_args or {}

    def execute(self, context: Any) -> None:
        """Copies them."""
        del context
        rows = hooks.hook_of(self.source_conn_id, self.source_hook_params).get_records(self.sql)
        target = hooks.hook_of(self.destination_conn_id, self.destination_hook_params)
        if self.preoperator:
            target.run(self.preoperator)
        target.insert_rows(self.destination_table, rows, **self.insert_args)


GenericTransfer.__module__ = "airflow.providers.common.sql.operators.generic_transfer"
