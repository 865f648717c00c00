"""The reading of a file: errors, warnings, modules, archives."""
import os
import tempfile
import unittest
import zipfile

from dagfiles import read

DAG = "from airflow.sdk import DAG\nd = DAG('%s', schedule=None)\n"


class Errors(unittest.TestCase):
    def error(self, source, **options):
        found = read(source, **options)
        self.assertEqual(found["dags"], [])
        return found["error"]

    def test_place(self):
        found = self.error("from airflow.sdk import DAG\nd = DAG('a', schedule=None)\n\ndef f():\n    raise RuntimeError('half way')\nf()\n")
        self.assertEqual((found["type"], found["message"], found["line"]), ("RuntimeError", "half way", 6))
        self.assertTrue(found["file"].endswith("d.py"))
        self.assertTrue(found["traceback"].startswith("Traceback (most recent call last):\n  File \"" + found["file"]))
        self.assertEqual(self.error("x = (\n")["type"], "SyntaxError")
        self.assertEqual(self.error("from airflow.sdk import DAG\nDAG('a b')\n")["line"], 3)
        self.assertEqual(self.error("from airflow.sdk import DAG\nd = DAG('a', schedule='x y')\n")["line"], 3)

    def test_exits(self):
        self.assertIn("must not call exit", self.error("import sys\nsys.exit(3)\n")["message"])
        self.assertEqual(self.error("raise KeyboardInterrupt\n")["type"], "KeyboardInterrupt")

    def test_missing_names(self):
        found = self.error("""
            from airflow.sdk import DAG
            from airflow.providers.nowhere.operators.x import XOperator
            from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
        """)
        self.assertEqual(found["type"], "ModuleNotFoundError")
        self.assertEqual([one["name"].rpartition(".")[2] for one in found["missing"]], ["XOperator", "BigQueryInsertJobOperator"])
        self.assertEqual(found["missing"][1]["package"], "apache-airflow-providers-google")

    def test_warnings(self):
        found = read("import warnings\nwarnings.warn('careful')\nfrom airflow.operators.bash import BashOperator\n", airflow_compat="3")
        self.assertEqual([(w["line"], w["category"]) for w in found["warnings"]], [
            (3, "UserWarning"), (4, "airflow.utils.deprecation_tools.DeprecatedImportWarning")])

    def test_nothing(self):
        found = read("print('airflow dag')\n")
        self.assertEqual((found["dags"], found["error"], found["compat"]), ([], None, 3))


class OddValues(unittest.TestCase):
    VALUES = ("None", "5", "-1", "True", "'x'", "[]", "{}", "float('nan')", "lambda: 1", "object()", "b'x'", "10**30", "'\\ud800'", "type", "(1,)",
              "timedelta(days=10**8)", "datetime(1, 1, 1)", "...", "{1: 2}", "range(3)")
    DAGS = ("description", "tags", "schedule", "max_active_runs", "dagrun_timeout", "params", "default_args", "catchup", "start_date",
              "on_failure_callback", "user_defined_macros", "template_searchpath", "access_control", "deadline")
    TASKS = ("bash_command", "env", "retries", "retry_delay", "retry_exponential_backoff", "execution_timeout", "email", "pool_slots", "params",
             "executor_config", "resources", "inlets", "on_success_callback", "trigger_rule", "weight_rule", "start_date", "doc_md", "dag")

    def test_any_value_anywhere(self):
        """Each gives DAGs, or an error whose place is in the file."""
        head = "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.bash import BashOperator\n"
        for value in self.VALUES:
            for names, form in (
                (self.DAGS, "DAG(dag_id, **{name: %s})"),
                (self.TASKS, "BashOperator(**{'dag': DAG(dag_id), 'task_id': 'a', 'bash_command': 'x', name: %s}).dag"),
            ):
                found = read(head + """
for name in %r:
    dag_id = "d_" + name
    try:
        globals()[dag_id] = %s
    except Exception:
        pass
""" % (names, form % value))
                with self.subTest(value, of=form):
                    if found["error"]:
                        self.assertTrue(found["error"]["file"].endswith("d.py"), found["error"]["traceback"])
                        self.assertNotIn(found["error"]["type"], ("AttributeError", "KeyError", "IndexError"), found["error"]["traceback"])


class Folders(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = os.path.realpath(held.name)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_local_modules(self):
        self.write("lib/__init__.py", "")
        module = self.write("lib/work.py", "def fn(): pass\nclass K:\n    def m(self): pass\n")
        data = self.write("conf/a.json", "{}")
        found = read("""
            import json, os
            from airflow.sdk import DAG
            from airflow.providers.standard.operators.python import PythonOperator
            from lib.work import fn, K
            json.load(open(os.path.join(os.path.dirname(__file__), "conf", "a.json")))
            with DAG("d", schedule=None):
                PythonOperator(task_id="a", python_callable=fn)
                PythonOperator(task_id="b", python_callable=K().m)
        """, folder=self.folder)
        self.assertIsNone(found["error"])
        a, b = found["dags"][0]["tasks"]
        self.assertEqual(a["args"]["python_callable"], {"__type": "callable", "path": "lib.work.fn"})
        self.assertEqual(b["args"]["python_callable"]["name"], "python_callable")
        self.assertLessEqual({module, data}, set(found["files"]))
        self.assertNotIn(os.path.join(self.folder, "d.py"), found["files"])

    def test_module_beside_the_file(self):
        self.write("deep/beside.py", "def fn(): pass\n")
        found = read("""
            from airflow.sdk import DAG
            from airflow.providers.standard.operators.python import PythonOperator
            from beside import fn
            with DAG("d", schedule=None):
                PythonOperator(task_id="a", python_callable=fn)
        """, folder=self.folder, name="deep/d.py")
        (one,) = found["dags"][0]["tasks"]
        self.assertEqual(one["args"]["python_callable"], {
            "__type": "callable", "file": "deep/d.py", "dag": "d", "task": "a", "name": "python_callable"})

    def test_error_in_a_module(self):
        module = self.write("broken.py", "\n\nraise ValueError('no')\n")
        found = read("import broken\n", folder=self.folder)["error"]
        self.assertEqual((found["type"], found["file"], found["line"]), ("ValueError", module, 3))

    def test_archive(self):
        path = os.path.join(self.folder, "d.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("first.py", DAG % "one" + "import inner\n")
            archive.writestr("second.py", DAG % "two")
            archive.writestr("inner.py", "x = 1\n")
            archive.writestr("deep/third.py", DAG % "three")
        found = read(None, folder=self.folder, name="d.zip")
        self.assertIsNone(found["error"], found["error"])
        self.assertEqual([d["dag_id"] for d in found["dags"]], ["one", "two"])

    def test_module_of_another_folder(self):
        plugins = os.path.join(self.folder, "plugins")
        self.write("plugins/own_plugin.py", "NAME = 'from_plugin'\n")
        found = read("from airflow.sdk import DAG\nimport own_plugin\nd = DAG(own_plugin.NAME, schedule=None)\n", folder=self.folder, plugins_folder=plugins)
        self.assertEqual([d["dag_id"] for d in found["dags"]], ["from_plugin"])
        self.assertIn(os.path.join(plugins, "own_plugin.py"), found["files"])


if __name__ == "__main__":
    unittest.main()
