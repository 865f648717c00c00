"""The import table: every name resolves, and what is said of old and missing ones."""
import importlib
import subprocess
import sys
import unittest
import warnings

from dagfiles import error, read

from updraft_dags import imports, mode, names


class Table(unittest.TestCase):
    def test_every_name_is_there(self):
        """In a process of its own, for each meaning."""
        source = """if True:
            import importlib, sys, warnings
            sys.path.insert(0, %r)
            from updraft_dags import imports, mode, names
            warnings.simplefilter("ignore")
            imports.install()
            imports.install_standins()
            mode.use(mode.Mode({"airflow_compat": sys.argv[1]}))
            count = 0
            for module in names.modules(int(sys.argv[1])):
                for name in names.of_module(module, int(sys.argv[1])):
                    if name != "yaml":  # a package that need not be there
                        getattr(importlib.import_module(module), name)
                        count += 1
            print(count)
        """ % sys.path[0]
        for compat, least in (("2", 500), ("3", 350)):
            done = subprocess.run([sys.executable, "-B", "-c", source, compat], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(int(done.stdout), least)

    def test_types_are_named_as_airflow_names_them(self):
        for module, name, want in [
            ("airflow", "DAG", "airflow.sdk.definitions.dag"), ("airflow.models", "Connection", "airflow.models.connection"),
            ("airflow.operators.bash", "BashOperator", "airflow.providers.standard.operators.bash"),
            ("airflow.exceptions", "AirflowSkipException", "airflow.sdk.exceptions"),
            ("airflow.sensors.sql", "SqlSensor", "airflow.providers.common.sql.sensors.sql"),
            ("airflow.utils.dates", "days_ago", "updraft_dags.helpers"),
        ]:
            with self.subTest(module):
                self.assertEqual(getattr(importlib.import_module(module), name).__module__, want)

    def test_star(self):
        found = {}
        exec("from airflow.exceptions import *", found)
        self.assertIn("AirflowFailException", found)
        self.assertIn("AirflowException", dir(importlib.import_module("airflow.exceptions")))


class Strict(unittest.TestCase):
    """The words of Airflow 3.3.2."""

    def said(self, line):
        found = read(line + "\n", airflow_compat="3")
        return "%(type)s: %(message)s" % found["error"] if found["error"] else ""

    def test_errors(self):
        for line, want in [
            ("from airflow.operators.dummy import DummyOperator", "ModuleNotFoundError: No module named 'airflow.operators.dummy'"),
            ("import airflow.contrib.operators.ssh_operator", "ModuleNotFoundError: No module named 'airflow.contrib'"),
            ("from airflow.utils.decorators import apply_defaults",
             "ImportError: cannot import name 'apply_defaults' from 'airflow.utils.decorators' (unknown location)"),
            ("import airflow.models.baseoperator as b\nb.BaseOperatorLink",
             "AttributeError: The module `'airflow.models.baseoperator'` has no attribute `'BaseOperatorLink'`"),
            ("import airflow.utils.helpers as b\nb.chain", "AttributeError: module 'airflow.utils.helpers' has no attribute 'chain'"),
            ("from airflow.providers.sqlite.operators.sqlite import SqliteOperator",
             "ModuleNotFoundError: No module named 'airflow.providers.sqlite.operators'"),
            ("from airflow.providers.standard.operators.bash import BashOperator", ""),
        ]:
            with self.subTest(line):
                self.assertEqual(self.said(line), want)
                if want and "airflow.contrib" not in line:
                    self.assertIsNone(read(line + "\n", airflow_compat="2")["error"])

    def test_warnings(self):
        moved = "The `airflow.%s` attribute is deprecated. Please use `'airflow.%s'`."
        for line, want in [
            ("from airflow.operators.bash import BashOperator",
             moved % ("operators.bash.BashOperator", "providers.standard.operators.bash.BashOperator")),
            ("from airflow.decorators import task", moved % ("decorators.task", "sdk.task")),
            ("from airflow.exceptions import AirflowSkipException",
             "airflow.exceptions.AirflowSkipException is deprecated and will be removed in a future version. "
             "Use airflow.sdk.exceptions.AirflowSkipException instead."),
            ("import airflow\nairflow.DAG",
             "Import 'DAG' directly from the airflow module is deprecated and will be removed in the future. "
             "Please import it from 'airflow.sdk'."),
            ("from airflow import DAG", None), ("from airflow.models import DAG, BaseOperator, Variable", None),
        ]:
            with self.subTest(line):
                got = read(line + "\n", airflow_compat="3")["warnings"]
                kind = "airflow.utils.deprecation_tools.DeprecatedImportWarning"
                line_number = 2 + line.count("\n")  # dagfiles puts one line in front
                self.assertEqual(got, [] if want is None else [{"category": kind, "message": want, "line": line_number}])
                self.assertEqual(read(line + "\n", airflow_compat="2")["warnings"], [])


class Missing(unittest.TestCase):
    def test_all_at_once(self):
        found = read("""
            from airflow.providers.snowflake.operators.snowflake import SnowflakeOperator
            from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator, EmrCreateJobFlowOperator
            def later():
                from airflow.providers.cncf.kubernetes.operators.job import KubernetesJobOperator
            from airflow.operators.bash import BashOperator
            """)["error"]
        self.assertEqual(found["type"], "ModuleNotFoundError")
        self.assertEqual({m["name"].rpartition(".")[2]: m["package"] for m in found["missing"]}, {
            "SnowflakeOperator": "apache-airflow-providers-snowflake", "EmrAddStepsOperator": "apache-airflow-providers-amazon",
            "EmrCreateJobFlowOperator": "apache-airflow-providers-amazon",
            "KubernetesJobOperator": "apache-airflow-providers-cncf-kubernetes"})

    def test_what_may_fail_is_not_missed(self):
        found = read("""
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from airflow.providers.docker.operators.docker import DockerOperator
            try:
                from airflow.providers.ssh.operators.ssh import SSHOperator
            except ImportError:
                SSHOperator = None
            from airflow.contrib.hooks.redshift_hook import RedshiftHook
            from airflow.contrib.operators.bigquery_operator import BigQueryOperator
            from airflow.utils.nothing import nobody
            """)["error"]
        self.assertEqual({m["name"].rpartition(".")[2]: m["package"] for m in found["missing"]}, {
            "RedshiftHook": "apache-airflow-providers-amazon", "BigQueryOperator": "apache-airflow-providers-google", "nobody": ""})

    def test_instead(self):
        for path, want in [
            ("airflow.providers.snowflake.operators.snowflake.SnowflakeOperator", "SQLExecuteQueryOperator"),
            ("airflow.operators.dummy.DummyOperator", "airflow.providers.standard.operators.empty.EmptyOperator"),
            ("airflow.providers.nobody.knows.It", None),
        ]:
            got = names.instead(path)
            self.assertTrue(got is want or want in got, got)


class Meaning(unittest.TestCase):
    def test_auto(self):
        dag = "from airflow import DAG\nwith DAG('d', schedule=None): pass\n"
        for line, want in [
            ("", 3), ("from airflow.operators.bash import BashOperator\n", 2), ("from airflow.decorators import task\n", 2),
            ("from airflow.utils.dates import days_ago\n", 2), ("from airflow.datasets import Dataset\n", 2),
            ("from airflow.sdk import task\nfrom airflow.operators.bash import BashOperator\n", 3),
            ("from airflow.providers.standard.operators.bash import BashOperator\n", 3),
            ("from airflow.models import Variable\nfrom airflow.exceptions import AirflowSkipException\n", 3),
        ]:
            with self.subTest(line):
                found = read(line + dag)
                self.assertIsNone(found["error"])
                self.assertEqual(found["compat"], want)


class Finder(unittest.TestCase):
    def test_own_folder_wins_for_other_names(self):
        self.assertEqual(error("import airflow_like\n"), "ModuleNotFoundError: No module named 'airflow_like'")

    def test_twice_is_once(self):
        imports.install()
        self.assertEqual(sum(isinstance(f, imports.Finder) for f in sys.meta_path), 1)

    def test_no_warning_in_a_running_task(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.assertFalse(mode.current().strict)
            importlib.import_module("airflow.operators.weekday").BranchDayOfWeekOperator
        self.assertEqual([w for w in caught if w.category is imports.DeprecatedImportWarning], [])


if __name__ == "__main__":
    unittest.main()
