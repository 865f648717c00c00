"""DAGs, operators and their arguments."""
import unittest

from dagfiles import dag, dags, error, read, tasks

HEAD = """
from airflow.sdk import *
from airflow.sdk import task, task_group
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
"""
OBJECT = "updraft.operators.object.ObjectOperator"


def with_dag(body, settings="schedule=None"):
    """A file whose DAG has body inside."""
    lines = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return HEAD + "with DAG('d', start_date=datetime(2024, 1, 1), %s) as dag:\n%s\n" % (settings, lines)


class DAGs(unittest.TestCase):
    def test_settings(self):
        found = dag(with_dag("EmptyOperator(task_id='a')", """schedule='@daily', catchup=True, max_active_runs=2,
            max_active_tasks=3, max_consecutive_failed_dag_runs=4, dagrun_timeout=timedelta(minutes=1), tags=['b', 'a'],
            description='D', doc_md='M', fail_fast=True, is_paused_upon_creation=False, dag_display_name='N',
            render_template_as_native_obj=True, template_searchpath='/sql', end_date=datetime(2025, 1, 1),
            access_control={'r': {'can_read'}}, user_defined_macros={'n': 1, 'f': lambda: 1}, owner_links={'o': 'mailto:x'}"""))
        del found["tasks"]
        self.assertEqual(found, {
            "dag_id": "d", "schedule": {"kind": "cron_trigger", "cron": ["@daily"], "timezone": "UTC"}, "catchup": True,
            "max_active_runs": 2, "max_active_tasks": 3, "max_consecutive_failed_dag_runs": 4, "dagrun_timeout": 60 * 10**9,
            "tags": ["a", "b"], "description": "D", "doc_md": "M", "fail_fast": True, "is_paused_upon_creation": False,
            "dag_display_name": "N", "render_template_as_native_obj": True, "template_searchpath": ["/sql"],
            "start_date": "2024-01-01T00:00:00Z", "end_date": "2025-01-01T00:00:00Z", "access_control": {"r": ["can_read"]},
            "user_defined_macros": {"n": 1, "f": {"__type": "callable", "file": "d.py", "dag": "d", "name": "user_defined_macros.f"}}})

    def test_found(self):
        found = dags(HEAD + """
            def make(name, **kw):
                with DAG(name, schedule=None, **kw) as made:
                    EmptyOperator(task_id="t")
                return made
            for n in "ab":
                globals()[n] = make("loop_" + n)
            held = [make("registered"), make("hidden", auto_register=False)]
            plain = DAG("plain", schedule=None)
            @dag
            def decorated():
                EmptyOperator(task_id="t")
            decorated()
            @dag
            def never_called(): pass
        """.replace("\n            ", "\n"))
        self.assertEqual(sorted(found), ["decorated", "loop_a", "loop_b", "plain", "registered"])

    def test_decorator(self):
        found = dag(HEAD + """
@dag(dag_id="named", schedule=None, tags=["x"])
def function(n: int = 5, who="me"):
    "What it does."
    @task
    def use(n, text): pass
    use(n, f"hello {who}")
function(who="you")
""")
        self.assertEqual((found["dag_id"], found["doc_md"]), ("named", "What it does."))
        self.assertEqual(found["params"], [{"name": "n", "default": 5}, {"name": "who", "default": "you"}])
        self.assertEqual(found["tasks"][0]["args"]["op_args"], [
            {"__type": "object", "class": "airflow.sdk.definitions.param.DagParam", "args": ["n"], "kwargs": {}},
            "hello {{ params.who }}"])

    def test_params(self):
        found = dag(with_dag("EmptyOperator(task_id='a', params={'x': 2, 'own': 3})",
                             "params={'x': Param(1, type='integer', minimum=0, description='N'), 'y': 'z'}"))
        self.assertEqual(found["params"], [
            {"name": "x", "default": 1, "description": "N", "schema": {"type": "integer", "minimum": 0}}, {"name": "y", "default": "z"}])
        self.assertEqual(found["tasks"][0]["params"], [{"name": "x", "default": 2}, {"name": "own", "default": 3}])
        self.assertIn("is not allowed to define a Schedule", error(with_dag("pass", "schedule='@daily', params={'x': Param(type='string')}")))

    def test_spellings_of_2(self):
        source = """
            from airflow import DAG
            from airflow.operators.bash import BashOperator
            with DAG("d", start_date=datetime(2024, 1, 1), schedule_interval="@daily", concurrency=3, default_view="graph") as dag:
                BashOperator(task_id="a", bash_command="x", task_concurrency=2, trigger_rule="dummy")
        """
        found = read(source)
        self.assertEqual(found["compat"], 2)
        (made,) = found["dags"]
        self.assertEqual((made["schedule"]["kind"], made["catchup"], made["max_active_tasks"]), ("cron_data_interval", True, 3))
        self.assertEqual((made["tasks"][0]["max_active_tis_per_dag"], made["tasks"][0]["trigger_rule"]), (2, "always"))
        self.assertEqual(error(source, airflow_compat="3"),
                         "TypeError: DAG.__init__() got an unexpected keyword argument 'schedule_interval'")

    def test_meaning(self):
        source = HEAD + "with DAG('d', start_date=datetime(2024, 1, 1), schedule='@daily'): EmptyOperator(task_id='a')"
        self.assertEqual(dag(source)["schedule"]["kind"], "cron_trigger")
        self.assertEqual(dag(source, airflow_compat="2")["schedule"]["kind"], "cron_data_interval")
        self.assertNotIn("catchup", dag(source))
        self.assertTrue(dag(source, airflow_compat="2")["catchup"])
        self.assertNotIn("catchup", dag(source, airflow_compat="2", catchup_by_default=False))
        daily = dag(HEAD + "d = DAG('d', start_date=datetime(2024, 1, 1))", airflow_compat="2")
        self.assertEqual(daily["schedule"], {"kind": "delta_data_interval", "delta": {"fixed": 86400 * 10**9}})


class Tasks(unittest.TestCase):
    def test_arguments(self):
        found = tasks(with_dag("""
BashOperator(task_id="a", bash_command="x", retries="3", retry_delay=30, retry_exponential_backoff=True, max_retry_delay=timedelta(hours=1),
    execution_timeout=timedelta(seconds=5), email="a@x.org; b@x.org", pool="p", pool_slots=2, priority_weight=7, weight_rule="upstream",
    wait_for_downstream=True, owner="o", queue="q", do_xcom_push=False, env={"A": "{{ ds }}"}, doc="D",
    executor_config={"k": 1}, resources={"cpus": 2, "ram": 3}, start_date=datetime(2024, 2, 1), map_index_template="{{ 1 }}")
"""))["a"]
        self.assertEqual(found, {
            "task_id": "a", "operator": "airflow.providers.standard.operators.bash.BashOperator", "trigger_rule": "all_success",
            "args": {"bash_command": "x", "env": {"A": "{{ ds }}"}, "skip_on_exit_code": [99]}, "retries": 3, "retry_delay": 30 * 10**9,
            "retry_exponential_backoff": 2.0, "max_retry_delay": 3600 * 10**9, "execution_timeout": 5 * 10**9,
            "email": ["a@x.org", "b@x.org"], "email_on_failure": True, "email_on_retry": True, "pool": "p", "pool_slots": 2,
            "priority_weight": 7, "weight_rule": "upstream", "wait_for_downstream": True, "depends_on_past": True, "owner": "o",
            "queue": "q", "do_xcom_push": False, "ignore_first_depends_on_past": True, "doc_md": "D", "executor_config": {"k": 1},
            "resources": {"cpu_milli": 2000, "memory": 3 << 20}, "start_date": "2024-02-01T00:00:00Z", "map_index_template": "{{ 1 }}"})

    def test_default_args(self):
        found = tasks(with_dag("BashOperator(task_id='a')\nBashOperator(task_id='b', bash_command='y', retries=0)",
                               "default_args={'retries': 2, 'bash_command': 'x', 'unknown': 1, 'params': {'k': 'v'}}"))
        self.assertEqual([(t["args"]["bash_command"], t.get("retries")) for t in found.values()], [("x", 2), ("y", None)])

    def test_refused(self):
        for given, want in {
            "task_id='a b'": "ValueError: The key 'a b' has to be made of alphanumeric",
            "task_id=5": "TypeError: The key has to be a string and is <class 'int'>:5",
            "task_id='a', nope=1": "TypeError: Invalid arguments were passed to EmptyOperator (task_id: a). Invalid arguments were:\n"
                                   "**kwargs: {'nope': 1}",
            "task_id='a', trigger_rule='x'": "ValueError: The trigger_rule must be one of ['all_success',",
            "task_id='a', retries='x'": "airflow.sdk.exceptions.AirflowException: 'retries' type must be int, not str",
            "task_id='a', execution_timeout=5": "ValueError: execution_timeout must be timedelta object",
            "task_id='a', depends_on_past=1": "TypeError: 'depends_on_past' for task 'a' expects <class 'bool'>, got <class 'int'> with value 1",
            "task_id='a', weight_rule='x'": "airflow.sdk.exceptions.AirflowException: Unknown priority strategy x",
            "": "TypeError: missing keyword argument 'task_id'",
            "'a'": "TypeError: Use keyword arguments when initializing operators",
        }.items():
            with self.subTest(given):
                self.assertTrue(error(with_dag("EmptyOperator(%s)" % given)).startswith(want), error(with_dag("EmptyOperator(%s)" % given)))
        self.assertEqual(error(with_dag("BashOperator(task_id='a')")), "TypeError: missing keyword argument 'bash_command'")
        self.assertIn("A 'fail_fast' dag can only have", error(with_dag("EmptyOperator(task_id='a', trigger_rule='all_done')", "fail_fast=True")))

    def test_own_operators(self):
        found = tasks(HEAD + """
class Own(BaseOperator):
    template_fields = ("text", "many")
    template_ext = (".sql",)
    def __init__(self, text, other=1, **kwargs):
        self.early = True
        super().__init__(**kwargs)
        self.text, self.many, self.other = text, [text, EmptyOperator(task_id="z").output], other
    def execute(self, context): return self.text
class Wait(BaseSensorOperator):
    def poke(self, context): return True
class Named(BashOperator):
    def __init__(self, name, **kwargs):
        super().__init__(bash_command="echo " + name, **kwargs)
class Overridden(Named):
    def execute(self, context): return 1
with DAG("d", schedule=None, default_args={"text": "{{ ds }}"}) as dag:
    Own(task_id="own")
    Wait(task_id="wait", mode="reschedule", poke_interval=timedelta(seconds=5), soft_fail=True)
    Named(task_id="named", name="n")
    Overridden(task_id="over", name="n")
""")
        own = found["own"]
        self.assertEqual((own["operator"], own["upstream"], own["args"]["kind"]), (OBJECT, ["z"], "operator"))
        self.assertEqual(own["args"]["fields"], {"text": "{{ ds }}", "many": ["{{ ds }}", {"__type": "xcom", "task": "z", "key": ""}]})
        self.assertEqual(own["args"]["object"], {"__type": "callable", "file": "d.py", "dag": "d", "task": "own", "name": "execute"})
        wait = found["wait"]
        self.assertEqual((wait["args"]["kind"], wait["args"]["object"]["name"], wait["reschedule"]), ("sensor", "poke", True))
        self.assertEqual({k: wait["args"][k] for k in ("mode", "poke_interval", "soft_fail")},
                         {"mode": "reschedule", "poke_interval": 5.0, "soft_fail": True})
        self.assertEqual((found["named"]["operator"].rpartition(".")[2], found["named"]["args"]["bash_command"]), ("BashOperator", "echo n"))
        self.assertEqual(found["over"]["operator"], OBJECT)

    def test_callables(self):
        found = tasks(HEAD + """
import os.path
def top(): pass
class Made:
    def method(self): pass
with DAG("d", schedule=None) as dag:
    PythonOperator(task_id="a", python_callable=top, op_kwargs={"f": len, "m": Made().method, "o": Made(), "k.x": top, "t": (1, "{{ ds }}")})
    PythonOperator(task_id="b", python_callable=os.path.exists, op_args=["x"], on_failure_callback=[top, lambda c: 1])
""")
        named = {"__type": "callable", "file": "d.py", "dag": "d", "task": "a"}
        self.assertEqual(found["a"]["args"]["python_callable"], {**named, "name": "python_callable"})
        self.assertEqual(found["a"]["args"]["op_kwargs"], {
            "f": {"__type": "callable", "path": "builtins.len"}, "m": {**named, "name": "op_kwargs.m"}, "o": {**named, "name": "op_kwargs.o"},
            "k.x": {**named, "name": "op_kwargs.k.x"}, "t": {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, "{{ ds }}"]}})
        self.assertEqual(found["b"]["args"]["python_callable"]["path"], "genericpath.exists")
        self.assertEqual([c["callable"]["name"] for c in found["b"]["on_failure_callback"]], ["on_failure_callback.0", "on_failure_callback.1"])

    def test_set_later(self):
        found = tasks(with_dag("""
a, b = EmptyOperator(task_id="a"), BashOperator(task_id="b", bash_command="x")
b.bash_command = a.output
b.trigger_rule = "all_done"
b.doc_md = "later"
"""))["b"]
        self.assertEqual((found["upstream"], found["trigger_rule"], found["doc_md"]), (["a"], "all_done", "later"))
        self.assertEqual(found["args"]["bash_command"], {"__type": "xcom", "task": "a", "key": ""})


    def test_literals(self):
        body = """BashOperator(task_id="b", bash_command=literal("echo '{{ ds }}' ${#x}"), env={"A": literal("{% x"), "B": "{{ ds }}"})
PythonOperator(task_id="p", python_callable=print, op_args=[literal(["a", ("{{", 1)])])
"""
        found = tasks(with_dag("from airflow.sdk import literal\n" + body))
        self.assertEqual((found["b"]["args"]["bash_command"], found["b"]["args"]["env"]), ("""{{ "echo '{{ ds }}' ${#x}" }}""", {"A": "{{ '{% x' }}", "B": "{{ ds }}"}))
        self.assertEqual(found["p"]["args"]["op_args"][0], ["{{ 'a' }}", {"__classname__": "builtins.tuple", "__version__": 1, "__data__": ["{{ '{{' }}", 1]}])
        native = tasks(with_dag("from airflow.sdk import literal\n" + body, "schedule=None, render_template_as_native_obj=True"))
        self.assertEqual(native["b"]["args"]["env"]["A"], """{{ "'{% x'" }}""")

    def test_left_open(self):
        """A None in default_args leaves Airflow's own default."""
        found = tasks(with_dag("EmptyOperator(task_id='a')", "schedule=None, default_args={'priority_weight': None, 'pool_slots': None}"))
        self.assertEqual((found["a"]["priority_weight"], found["a"]["pool_slots"]), (1, 1))


class Callbacks(unittest.TestCase):
    def test_deadlines_and_notifiers(self):
        found = dag(HEAD + """
from airflow.sdk import DeadlineAlert, DeadlineReference, AsyncCallback, BaseNotifier
class Tell(BaseNotifier):
    def __init__(self, to):
        super().__init__()
        self.to = to
    def notify(self, context): pass
d = DAG("d", schedule=None, on_failure_callback=[Tell("x")], deadline=[
    DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(minutes=5), callback=AsyncCallback("m.fn", kwargs={"a": 1})),
    DeadlineAlert(reference=DeadlineReference.FIXED_DATETIME(datetime(2024, 1, 1)), interval=timedelta(0), callback=AsyncCallback(lambda: 1)),
    DeadlineAlert(reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=5, min_runs=2), interval=timedelta(1), callback=AsyncCallback("m.fn"))])
""")
        self.assertEqual(found["on_failure_callback"], [
            {"kind": "python", "callable": {"file": "d.py", "dag": "d", "name": "on_failure_callback.0"}}])
        by_path = {"kind": "python", "callable": {"path": "m.fn"}}
        self.assertEqual(found["deadline"], [
            {"reference": "queued_at", "interval": 300 * 10**9, "callback": [{**by_path, "args": {"a": 1}}]},
            {"reference": "fixed_datetime", "at": "2024-01-01T00:00:00Z", "interval": 0, "callback": [
                {"kind": "python", "callable": {"file": "d.py", "dag": "d", "name": "deadline.1.callback.callback_callable"}}]},
            {"reference": "average_runtime", "interval": 86400 * 10**9, "limit": 5, "min_runs": 2, "callback": [by_path]}])

    def test_notifier_of_a_provider(self):
        found = dag(HEAD + """
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
d = DAG("d", schedule=None, on_success_callback=SmtpNotifier(to="a@x.org", subject="{{ dag.dag_id }}"))
""")["on_success_callback"]
        self.assertEqual(found, [{
            "kind": "python", "callable": {"path": "airflow.providers.smtp.notifications.smtp.SmtpNotifier"}, "notifier": True,
            "args": {"to": "a@x.org", "subject": "{{ dag.dag_id }}"}}])

    def test_without_effect(self):
        found = read(with_dag("EmptyOperator(task_id='a', run_as_user='u')", "schedule=None, jinja_environment_kwargs={'a': 1}"))
        self.assertEqual([w["message"].split(" ")[0] for w in found["warnings"]], ["template_undefined", "run_as_user"])
        self.assertEqual(read(with_dag("EmptyOperator(task_id='a', run_as_user='u')"), airflow_compat="3")["warnings"], [])


class Decorated(unittest.TestCase):
    def test_kinds(self):
        found = tasks(with_dag("""
@task
def plain(x, ds=None) -> dict[str, int]:
    "Docs."
    return {"a": x}
@task.branch
def branch(): return "x"
@task.short_circuit(ignore_downstream_trigger_rules=False)
def short(): return True
@task.sensor(poke_interval=5, mode="reschedule")
def wait(): return True
@task.bash(env={"A": "b"})
def sh(): return "echo"
@task.virtualenv(requirements=["x"], system_site_packages=False)
def venv(): pass
@task.external_python(python="/p")
def ext(): pass
plain(1)["a"] >> branch() >> short() >> wait() >> sh() >> venv() >> ext()
"""))
        self.assertEqual([t["operator"].rpartition(".")[2] for t in found.values()], [
            "PythonOperator", "BranchPythonOperator", "ShortCircuitOperator", "PythonSensor", "_BashDecoratedOperator",
            "PythonVirtualenvOperator", "ExternalPythonOperator"])
        self.assertEqual((found["plain"]["multiple_outputs"], found["plain"]["doc_md"], found["plain"]["args"]["op_args"]), (True, "Docs.", [1]))
        self.assertEqual((found["short"]["args"]["ignore_downstream_trigger_rules"], found["wait"]["reschedule"]), (False, True))
        self.assertEqual((found["sh"]["args"]["env"], found["ext"]["args"]["python"]), ({"A": "b"}, "/p"))

    def test_calls(self):
        found = tasks(with_dag("""
@task(retries=1)
def f(x=0): return x
a = f()
f(a); f(x={"deep": [a, (a["k"],)]})
f.override(task_id="other", retries=3)(a)
"""))
        self.assertEqual([(k, t["retries"], t.get("upstream")) for k, t in found.items()], [
            ("f", 1, None), ("f__1", 1, ["f"]), ("f__2", 1, ["f"]), ("other", 3, ["f"])])
        self.assertEqual(found["f__2"]["args"]["op_kwargs"]["x"]["deep"][1]["__data__"], [{"__type": "xcom", "task": "f", "key": "k"}])

    def test_wrong_calls(self):
        head = "@task\ndef f(x, ds=None): pass\n"
        self.assertIn("missing a required argument: 'x'", error(with_dag(head + "f()")))
        self.assertIn("unexpected keyword argument 'y'", error(with_dag(head + "f(1, y=2)")))
        self.assertIn("Context key parameter ds can't have a default", error(with_dag("@task\ndef f(ds='x'): pass\nf()")))
        self.assertIn("task decorator 'nope' not found", error(with_dag("@task.nope\ndef f(): pass")))

    def test_conditions(self):
        found = tasks(with_dag("@task.run_if(lambda c: True)\n@task\ndef f(): pass\nf()"))["f"]
        self.assertEqual((found["operator"], found["args"]["object"]["name"]), (OBJECT, "execute"))


if __name__ == "__main__":
    unittest.main()
