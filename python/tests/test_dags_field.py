"""What pipelines in the field do beside what the documentation of Airflow tells."""
import os
import tempfile
import unittest

from dagfiles import dag, dags, error, read, tasks

OPEN = """
from airflow import DAG
from airflow.operators.bash import BashOperator
with DAG("d", schedule_interval=None, start_date=datetime(2024, 1, 1)) as dag:
"""


class Imports(unittest.TestCase):
    def test_one_import_is_enough(self):
        for line in ("import airflow", "import airflow.models", "from airflow import models, utils\nimport airflow"):
            with self.subTest(line):
                found = dag(line + """
dag = airflow.models.DAG("d", start_date=airflow.utils.dates.days_ago(2), schedule_interval="@daily")
airflow.operators.bash.BashOperator(task_id="a", bash_command="true", dag=dag)
""")
                self.assertEqual([t["task_id"] for t in found["tasks"]], ["a"])

    def test_what_is_missing_is_told_by_its_own_name(self):
        for line, want in [
            ("import airflow\nairflow.utils.nothing", "AttributeError: module 'airflow.utils' has no attribute 'nothing'"),
            ("from airflow.contrib.operators.winrm_operator import WinRMOperator",
             "ModuleNotFoundError: No module named 'airflow.contrib.operators.winrm_operator'"),
        ]:
            with self.subTest(line):
                self.assertEqual(error(line), want)

    def test_what_only_the_database_knows(self):
        said = error("from airflow.models.dag import get_last_dagrun\nget_last_dagrun('d')\n")
        self.assertIn("database, which Updraft has no part of", said)

    def test_what_a_dag_only_knows_from_the_database(self):
        said = error("from airflow import DAG\nDAG('d').get_dagrun(execution_date=None)")
        self.assertIn("DAG.get_dagrun asks Airflow's database, which Updraft has no part of: ask inside of a task", said)
        self.assertEqual(error("from airflow import DAG\nDAG('d').nothing"), "AttributeError: 'DAG' object has no attribute 'nothing'")

    def test_a_session_is_of_no_use(self):
        said = error("""
            from airflow.utils.session import provide_session
            @provide_session
            def ask(x, session=None):
                return session.query(x)
            ask(1)
            """)
        self.assertIn("session.query asks Airflow's database, which Updraft has no part of", said)

    def test_decorators_of_providers(self):
        said = error("from airflow.decorators import task\n@task.pyspark(conn_id='x')\ndef f(): pass\n")
        self.assertIn("task decorator 'pyspark' not found: it is of apache-airflow-providers-apache-spark", said)


class Spellings(unittest.TestCase):
    def test_trigger_rules_that_are_gone(self):
        source = OPEN + """
    from airflow.utils.trigger_rule import TriggerRule
    BashOperator(task_id="a", bash_command="true", trigger_rule=TriggerRule.NONE_FAILED_OR_SKIPPED)
    BashOperator(task_id="b", bash_command="true", trigger_rule=TriggerRule.DUMMY)
"""
        self.assertEqual({t["task_id"]: t["trigger_rule"] for t in dag(source)["tasks"]},
                         {"a": "none_failed_min_one_success", "b": "always"})
        self.assertEqual(error("from airflow.sdk import TriggerRule\nTriggerRule.DUMMY", airflow_compat="3"), "AttributeError: DUMMY")
        self.assertEqual(error("from airflow.sdk import TriggerRule\nTriggerRule.OTHER"), "AttributeError: OTHER")

    def test_arguments_that_have_another_name_now(self):
        source = """
            from airflow.sdk import DAG
            from airflow.providers.standard.operators.bash import BashOperator
            from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
            with DAG("d") as dag:
                TriggerDagRunOperator(task_id="t", trigger_dag_id="x", execution_date="{{ ds }}")
                BashOperator(task_id="b", bash_command="true", skip_exit_code=7)
            """
        found = tasks(source)
        self.assertEqual(found["t"]["args"]["logical_date"], "{{ ds }}")
        self.assertEqual(found["b"]["args"]["skip_on_exit_code"], [7])
        self.assertIn("Invalid arguments were passed to TriggerDagRunOperator", error(source, airflow_compat="3"))


class Settings(unittest.TestCase):
    def test_of_the_process(self):
        found = dags("""
            from airflow import DAG, configuration
            from airflow.configuration import conf
            conf.set("core", "enable_xcom_pickling", "True")
            DAG_ = DAG("%s_%s" % (conf.getboolean("core", "Enable_XCom_Pickling"), configuration.get("core", "executor")))
            """)
        self.assertEqual(list(found), ["True_LocalExecutor"])

    def test_in_the_context_of_2(self):
        from updraft_runner import context
        self.assertEqual(context.build({"execution_date": None})["conf"].get("core", "executor"), "LocalExecutor")
        self.assertNotIn("conf", context.build({}))


class Storage(unittest.TestCase):
    SOURCE = """
        from airflow import DAG
        from airflow.io.path import ObjectStoragePath
        base = ObjectStoragePath("s3://aws_default@bucket/", conn_id="x")
        path = base / "a" / "b.csv"
        DAG_ = DAG("_".join([path.name, str(path.parent == base.joinpath("a")), ObjectStoragePath("file:///tmp").name]))
        """

    def test_a_path_elsewhere_is_no_fault_of_the_file(self):
        self.assertEqual(list(dags(self.SOURCE)), ["b.csv_True_tmp"])
        said = error(self.SOURCE.rstrip(" ") + "        path.open()\n")
        self.assertIn("ObjectStoragePath('s3://aws_default@bucket/a/b.csv').open: only local files", said)


class Timetables(unittest.TestCase):
    def test_an_authors_own(self):
        said = error("""
            from airflow import DAG
            from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
            class Tides(Timetable):
                def infer_manual_data_interval(self, run_after) -> DataInterval:
                    return DataInterval.exact(run_after)
                def next_dagrun_info(self, *, last_automated_data_interval, restriction: TimeRestriction):
                    return DagRunInfo.interval(restriction.earliest, restriction.latest)
            dag = DAG("d", start_date=datetime(2024, 1, 1), timetable=Tides())
            """)
        self.assertIn("the schedule is a timetable of your own, Tides: use one of", said)


class Behind(unittest.TestCase):
    def test_the_objects_of_the_file_answer_for_the_rest(self):
        from updraft_runner import context, objects
        source = OPEN + """
    BashOperator(task_id="a", bash_command="true", env={"k": "v"}) >> BashOperator(task_id="b", bash_command="true")
"""
        with tempfile.TemporaryDirectory() as folder:
            folder = os.path.realpath(folder)
            read(source, folder=folder)
            found = context.build({"dag": {"dag_id": "d"}, "task": {"task_id": "a", "dag_id": "d", "task_type": "BashOperator"}, "ti": {
                "dag_id": "d", "task_id": "a", "run_id": "r"}})
            self.assertFalse(hasattr(found["task"], "env"))
            objects.stand_behind(found, {"file": os.path.join(folder, "d.py"), "dag": "d", "task": "a", "name": "python_callable"})
            dag, task = found["dag"], found["task"]
            self.assertEqual((task.env, [t.task_id for t in task.downstream_list], dag.task_ids), ({"k": "v"}, ["b"], ["a", "b"]))
            self.assertEqual([str(x) for x in (dag, task, found["ti"])],
                             ["<DAG: d>", "<Task(BashOperator): a>", "<TaskInstance: d.a r [running]>"])
            with self.assertRaisesRegex(AttributeError, "nothing"):
                task.nothing


class Context(unittest.TestCase):
    SOURCE = """
        from airflow import DAG
        from airflow.operators.python import PythonOperator
        from airflow.utils.dag_parsing_context import get_parsing_context
        for name in ("a", "b"):
            if get_parsing_context().dag_id in (None, name):
                with DAG(name, schedule_interval=None) as dag:
                    PythonOperator(task_id="t", python_callable=lambda: get_parsing_context())
        """

    def test_a_file_is_read_for_all_of_its_dags(self):
        self.assertEqual(sorted(dags(self.SOURCE)), ["a", "b"])

    def test_a_task_reads_it_for_its_own(self):
        from updraft_runner import objects
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(os.path.realpath(folder), "many.py")
            read(self.SOURCE, folder=os.path.realpath(folder), name="many.py")
            for name in ("a", "b"):
                self.assertEqual(list(objects.dags(path, name, "t")), [name])
                self.assertEqual(objects.find({"file": path, "dag": name, "task": "t", "name": "python_callable"}, set())(), (name, "t"))


if __name__ == "__main__":
    unittest.main()
