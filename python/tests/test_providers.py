"""Operators and hooks of providers: what they take, and what they do when Python runs them."""
import contextlib
import http.server
import json
import os
import tempfile
import threading
import unittest
from unittest import mock

from dagfiles import error, tasks

from updraft_dags import imports, specs
from updraft_runner import session
from updraft_runner.exceptions import (
    AirflowException, AirflowFailException, AirflowNotFoundException, AirflowRescheduleException, AirflowSensorTimeout,
    AirflowSkipException)

imports.install()

from airflow.hooks.base import BaseHook  # noqa: E402
from airflow.models import BaseOperator, Connection, DAG, Variable  # noqa: E402
from airflow.operators.bash import BashOperator  # noqa: E402
from airflow.operators.email import EmailOperator  # noqa: E402
from airflow.operators.python import BranchPythonOperator, PythonOperator  # noqa: E402
from airflow.providers.common.sql.hooks.sql import DbApiHook  # noqa: E402
from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer  # noqa: E402
from airflow.providers.common.sql.operators.sql import (  # noqa: E402
    BranchSQLOperator, SQLCheckOperator, SQLExecuteQueryOperator, SQLValueCheckOperator)
from airflow.providers.common.sql.sensors.sql import SqlSensor  # noqa: E402
from airflow.providers.http.hooks.http import HttpHook  # noqa: E402
from airflow.providers.http.operators.http import HttpOperator  # noqa: E402
from airflow.providers.http.sensors.http import HttpSensor  # noqa: E402
from airflow.providers.sqlite.hooks.sqlite import SqliteHook  # noqa: E402
from airflow.providers.sqlite.operators.sqlite import SqliteOperator  # noqa: E402
from airflow.sensors.base import BaseSensorOperator, PokeReturnValue  # noqa: E402
from airflow.sensors.filesystem import FileSensor  # noqa: E402
from airflow.sensors.external_task import ExternalTaskSensor  # noqa: E402


class Answers:
    """A session whose questions are answered from dicts."""

    def __init__(self, connections=None, variables=None):
        self.connections, self.variables, self.contexts, self.own_modules = connections or {}, variables or {}, [], set()

    def ask(self, op, **fields):
        """The answer."""
        if op == "variable_set":
            self.variables[fields["key"]] = fields["value"]
            return None
        found = self.connections.get(fields.get("conn_id")) if op == "connection_get" else self.variables.get(fields["key"])
        if found is None:
            raise session.NotFound("none")
        return found


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(session.use, session._current)
        self.path = os.path.join(self.folder.name, "x.db")
        session.use(Answers({
            "db": {"conn_id": "db", "conn_type": "sqlite", "host": self.path},
            "fs_default": {"conn_id": "fs_default", "conn_type": "fs", "extra": json.dumps({"path": self.folder.name})},
        }, {"v": '{"a": 1}'}))


class Arguments(unittest.TestCase):
    HEAD = "from airflow.sdk import *\nfrom airflow.operators.bash import *\nfrom airflow.operators.python import *\n" \
           "from airflow.sensors.filesystem import FileSensor\n"

    def test_faults(self):
        for call, want in [
            ("BashOperator(task_id='t')", "TypeError: missing keyword argument 'bash_command'"),
            ("BashOperator(task_id='t', bash_command='x', y=1)",
             "TypeError: Invalid arguments were passed to BashOperator (task_id: t). Invalid arguments were:\n**kwargs: {'y': 1}"),
            ("BashOperator('t')", "TypeError: Use keyword arguments when initializing operators"),
            ("PythonOperator(task_id='t', python_callable=5)", "TypeError: `python_callable` param must be callable"),
        ]:
            self.assertEqual(error(self.HEAD + "with DAG('d'):\n    %s\n" % call), want)

    def test_reach_go(self):
        found = tasks(self.HEAD + """
class Mine(BashOperator):
    def __init__(self, word, **kw):
        super().__init__(bash_command="echo " + word, **kw)
class Other(BashOperator):
    template_fields = BashOperator.template_fields + ("more",)
    def execute(self, context):
        return super().execute(context)
with DAG('d', schedule=None, default_args={"cwd": "/tmp", "append_env": True}):
    BashOperator(task_id='a', bash_command='x', skip_on_exit_code=[1, 2])
    Mine(task_id='b', word='{{ ds }}')
    Other(task_id='c', bash_command='y')
    FileSensor(task_id='d', filepath='f', mode='reschedule', poke_interval=5)
""")
        bash = "airflow.providers.standard.operators.bash.BashOperator"
        self.assertEqual(found["a"]["operator"], bash)
        self.assertEqual(found["a"]["args"], {"bash_command": "x", "skip_on_exit_code": [1, 2], "cwd": "/tmp", "append_env": True})
        self.assertEqual((found["b"]["operator"], found["b"]["args"]["bash_command"]), (bash, "echo {{ ds }}"))
        self.assertEqual(found["c"]["operator"], "updraft.operators.object.ObjectOperator")
        self.assertEqual(found["c"]["args"]["fields"]["bash_command"], "y")
        self.assertEqual(found["d"]["args"], {"filepath": "f", "mode": "reschedule", "poke_interval": 5})

    def test_each_has_a_class(self):
        """A class for every operator of Go's, with its templates and arguments."""
        import importlib
        import inspect
        classes = importlib.import_module("updraft_dags.providers.classes")
        for spec in specs.all_specs():
            found = getattr(classes, spec.path)
            self.assertEqual("%s.%s" % (found.__module__, found.__qualname__), spec.path)
            self.assertEqual(found.template_fields, tuple(a.name for a in spec.arguments if a.templated))
            self.assertTrue(set(a.name for a in spec.arguments) <= set(inspect.signature(found.__init__).parameters))
            self.assertTrue(issubclass(found, BaseOperator))

    def test_without_a_body(self):
        """Go does what they do, in a task only (see task/callable/operate_test.go)."""
        with DAG("d", schedule=None):
            with self.assertRaisesRegex(RuntimeError, "only inside of a running Updraft task"):
                ExternalTaskSensor(task_id="t", external_dag_id="x").poke({})


class Bodies(Case):
    """What authors reach by super().execute(context)."""

    def make(self, kind, **kwargs):
        return kind(task_id="t", **kwargs)

    def test_bash(self):
        run = lambda command, **kw: self.make(BashOperator, bash_command=command, **kw).execute({})  # noqa: E731
        self.assertEqual(run("echo a; echo $B", env={"B": "b"}), "b")
        self.assertEqual(run("echo 5", output_processor=int), 5)
        with self.assertRaisesRegex(AirflowException, "non-zero exit code 3"):
            run("exit 3")
        with self.assertRaises(AirflowSkipException):
            run("exit 99")
        with self.assertRaisesRegex(AirflowException, "Can not find the cwd: /no"):
            run("true", cwd="/no")

    def test_python(self):
        task = self.make(PythonOperator, python_callable=lambda a, ds, templates_dict=None, **k: [a, ds, templates_dict, sorted(k)],
                         op_args=[1], templates_dict={"x": 1})
        self.assertEqual(task.execute({"ds": "d", "ti": 5}), [1, "d", {"x": 1}, ["ti"]])
        self.assertEqual(self.make(BranchPythonOperator, python_callable=lambda: ["a"]).execute({}), ["a"])

    def test_sql(self):
        make = self.make(SQLExecuteQueryOperator, conn_id="db", sql=["create table t (a, b)", "insert into t values (1, ';'), (2, 'x')"])
        make.execute({})
        run = lambda kind, **kw: self.make(kind, conn_id="db", **kw).execute({})  # noqa: E731
        self.assertEqual(run(SQLExecuteQueryOperator, sql="select * from t where a = :a", parameters={"a": 1}), [(1, ";")])
        self.assertEqual(run(SQLExecuteQueryOperator, sql="select 1; select 'a;b' -- c;\n; ", split_statements=True, return_last=False),
                         [[(1,)], [("a;b",)]])
        self.assertEqual(self.make(SqliteOperator, sqlite_conn_id="db", sql="select 5").execute({}), [(5,)])
        run(SQLCheckOperator, sql="select 1, 2")
        with self.assertRaisesRegex(AirflowException, "Test failed"):
            run(SQLCheckOperator, sql="select 1, 0")
        with self.assertRaisesRegex(AirflowFailException, "zero rows"):
            run(SQLCheckOperator, sql="select 1 where 0", retry_on_failure=False)
        run(SQLValueCheckOperator, sql="select 11", pass_value=10, tolerance=0.1)
        with self.assertRaises(AirflowException):
            run(SQLValueCheckOperator, sql="select 12", pass_value=10, tolerance=0.1)
        for value, want in ((1, "yes"), (0, "no"), ("'True'", "yes"), ("'off'", "no")):
            self.assertEqual(run(BranchSQLOperator, sql="select %s" % value, follow_task_ids_if_true="yes", follow_task_ids_if_false="no"), want)
        self.assertFalse(self.make(SqlSensor, conn_id="db", sql="select 0").poke({}))
        self.make(GenericTransfer, source_conn_id="db", destination_conn_id="db", sql="select 7, 8", destination_table="t",
                  preoperator="delete from t").execute({})
        self.assertEqual(SqliteHook("db").get_records("select * from t"), [(7, 8)])

    def test_sensors(self):
        class Third(BaseSensorOperator):
            n = 0

            def poke(self, context):
                self.n += 1
                if context.get("error"):
                    raise ValueError("broken")
                return PokeReturnValue(self.n == 3, {"n": self.n})

        make = lambda **kw: self.make(Third, **{"poke_interval": 0.01, **kw})  # noqa: E731
        self.assertEqual(make().execute({}), {"n": 3})
        with self.assertRaises(AirflowRescheduleException):
            make(mode="reschedule").execute({})
        with self.assertRaisesRegex(AirflowSensorTimeout, "exceeds the specified timeout"):
            make(timeout=0).execute({})
        with self.assertRaises(AirflowSkipException):
            make(timeout=0, soft_fail=True).execute({})
        with self.assertRaises(ValueError):
            make().execute({"error": True})
        with self.assertRaises(AirflowSkipException):
            make(never_fail=True).execute({"error": True})
        with self.assertRaises(AirflowSensorTimeout):
            make(silent_fail=True, timeout=0).execute({"error": True})

    def test_file_sensor(self):
        look = lambda path: self.make(FileSensor, filepath=path).poke({})  # noqa: E731
        self.assertFalse(look("a*.txt"))
        with open(os.path.join(self.folder.name, "ab.txt"), "w"):
            pass
        self.assertTrue(look("a*.txt"))
        self.assertTrue(look(""))

    def test_mail(self):
        session.current().connections["smtp_default"] = {
            "conn_id": "smtp_default", "conn_type": "smtp", "host": "mail.example", "login": "u", "password": "p",
            "extra": json.dumps({"from_email": "me@example.com", "disable_ssl": True, "disable_tls": True})}
        with mock.patch("smtplib.SMTP") as client:
            self.make(EmailOperator, to="a@example.com; b@example.com", cc=["c@example.com"], subject="s", html_content="<b>x</b>").execute({})
        client.assert_called_once_with("mail.example", 25, timeout=30)
        client.return_value.login.assert_called_once_with("u", "p")
        sender, to, text = client.return_value.sendmail.call_args[0]
        self.assertEqual((sender, to), ("me@example.com", ["a@example.com", "b@example.com", "c@example.com"]))
        self.assertIn("Subject: s", text)


class Hooks(Case):
    def test_connections_and_variables(self):
        found = BaseHook.get_connection("fs_default")
        self.assertEqual((found.conn_type, found.extra_dejson["path"]), ("fs", self.folder.name))
        self.assertIsInstance(found.get_hook(), object)
        self.assertEqual(Variable.get("v", deserialize_json=True), {"a": 1})
        self.assertEqual(Variable.get("none", default_var=None), None)
        Variable.set("w", [1], serialize_json=True)
        self.assertEqual(Variable.get("w", deserialize_json=True), [1])
        with self.assertRaises(AirflowNotFoundException):
            BaseHook.get_connection("none")
        self.assertEqual(json.loads(Connection(conn_id="c", uri="http://h:1/s").as_json())["port"], 1)

    def test_while_a_file_is_read(self):
        session.use(None)
        self.assertEqual(Variable.get("v", default_var="d"), "d")
        with self.assertRaisesRegex(KeyError, "not known while a DAG file is read"):
            Variable.get("v")
        with self.assertRaisesRegex(AirflowNotFoundException, "inside of a task"):
            BaseHook.get_connection("db")

    def test_dbapi(self):
        hook = BaseHook.get_hook("db")
        self.assertIsInstance(hook, DbApiHook)
        hook.run(["create table t (a, b)"])
        hook.insert_rows("t", [(i, str(i)) for i in range(5)], target_fields=["a", "b"], commit_every=2)
        self.assertEqual(hook.get_first("select count(*) from t"), (5,))
        self.assertEqual(hook.get_records("select a from t where a > ?", parameters=(3,)), [(4,)])
        self.assertEqual(hook.run("select 1", handler=lambda c: c.fetchone()[0]), 1)
        with contextlib.closing(hook.get_conn()) as conn:
            self.assertEqual(conn.execute("select max(a) from t").fetchone(), (4,))
        self.assertEqual(hook.test_connection(), (True, "Connection successfully tested"))
        session.current().connections["pg"] = {"conn_id": "pg", "conn_type": "postgres", "host": "h"}
        with mock.patch.dict("sys.modules", {"psycopg2": None, "psycopg": None}):
            with self.assertRaisesRegex(AirflowException, "pip install 'psycopg"):
                BaseHook.get_hook("pg").get_conn()
        with open(self.path + ".tsv", "wb") as file:
            file.write(b"1\tx\n")
        with mock.patch.dict("sys.modules", {"psycopg2": mock.MagicMock()}) as modules:
            pg = BaseHook.get_hook("pg")
            pg.bulk_load("t", self.path + ".tsv")
            conn = modules["psycopg2"].connect.return_value
            self.assertEqual(modules["psycopg2"].connect.call_args.kwargs, {"host": "h", "port": 5432})
            self.assertEqual(conn.cursor.return_value.copy_expert.call_args.args[0], "COPY t FROM STDIN")
            conn.commit.assert_called_once_with()
        session.current().connections["odd"] = {"conn_id": "odd", "conn_type": "odd"}
        with self.assertRaisesRegex(AirflowException, 'Unknown hook type "odd"'):
            BaseHook.get_hook("odd")


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        """Answers with what was asked."""
        size = int(self.headers.get("Content-Length") or 0)
        said = {"path": self.path, "method": self.command, "body": self.rfile.read(size).decode(), "auth": self.headers.get("Authorization"),
                "x": self.headers.get("X")}
        body = json.dumps(said).encode()
        self.send_response(404 if "gone" in self.path else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        """Nothing."""


class Http(Case):
    def setUp(self):
        super().setUp()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        session.current().connections["api"] = {
            "conn_id": "api", "conn_type": "http", "host": "127.0.0.1", "port": server.server_address[1], "login": "u", "password": "p",
            "extra": json.dumps({"X": "from extra"})}

    def test_hook(self):
        answer = HttpHook("GET", http_conn_id="api").run("a/b", data={"q": "1 2"}, extra_options={"timeout": 5})
        self.assertEqual((answer.status_code, answer.ok, answer.reason, answer.headers["content-TYPE"]), (200, True, "OK", "application/json"))
        self.assertEqual(answer.json(), {"path": "/a/b?q=1+2", "method": "GET", "body": "", "auth": "Basic dTpw", "x": "from extra"})
        self.assertEqual(json.loads(answer.content), json.loads(answer.text))
        posted = HttpHook(http_conn_id="api").run("p", data=json.dumps({"a": 1}), headers={"X": "mine"}).json()
        self.assertEqual((posted["method"], posted["body"], posted["x"]), ("POST", '{"a": 1}', "mine"))
        self.assertEqual(HttpHook(http_conn_id="api").run("p", json={"a": 1}).json()["body"], '{"a": 1}')
        with self.assertRaisesRegex(AirflowException, "^404:Not Found$"):
            HttpHook("GET", "api").run("gone")
        loose = HttpHook("GET", "api").run("gone", extra_options={"check_response": False})
        with self.assertRaisesRegex(OSError, "404 Not Found for url"):
            loose.raise_for_status()

    def test_operators(self):
        make = lambda **kw: HttpOperator(task_id="t", http_conn_id="api", method="GET", **kw).execute({"ds": "d"})  # noqa: E731
        self.assertEqual(make(endpoint="x", response_filter=lambda r, ds: r.json()["path"] + ds), "/xd")
        with self.assertRaisesRegex(AirflowException, "Response check returned False"):
            make(endpoint="x", response_check=lambda r: False)
        pages = make(endpoint="1", pagination_function=lambda r: {"endpoint": "2"} if r.json()["path"] == "/1" else None,
                     response_filter=lambda rs: [r.json()["path"] for r in rs])
        self.assertEqual(pages, ["/1", "/2"])
        look = lambda **kw: HttpSensor(task_id="t", http_conn_id="api", **kw).poke({})  # noqa: E731
        self.assertTrue(look(endpoint="x"))
        self.assertFalse(look(endpoint="gone"))
        self.assertFalse(look(endpoint="x", response_check=lambda r: r.json()["path"] == "/y"))


if __name__ == "__main__":
    unittest.main()
