"""What a DAG file makes, found again and run."""
import datetime as dt
import os
import sys
import tempfile
import types
import unittest

from dagfiles import tasks

from updraft_dags import imports
from updraft_runner import calls, context, objects, session, xcom
from updraft_runner.exceptions import AirflowNotFoundException, AirflowSkipException, AirflowTaskTerminated, TaskDeferralError

imports.install()

SOURCE = """
from dataclasses import dataclass
from datetime import datetime, timedelta
from airflow.models import BaseOperator
from airflow.operators.python import PythonOperator
from airflow.sdk import DAG, task
from airflow.sensors.base import BaseSensorOperator
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TriggerEvent, TaskSkippedEvent

@dataclass
class Point:
    x: int

class Soon(BaseTrigger):
    def __init__(self, event): self.event = event
    async def run(self):
        if self.event is None: raise ValueError("no event")
        yield self.event

class Mine(BaseOperator):
    template_fields = ("text",)
    said = []
    def __init__(self, text, times=1, **kw):
        super().__init__(**kw)
        self.text, self.times = text, times
    def pre_execute(self, context): self.said.append("pre")
    def post_execute(self, context, result=None): self.said.append("post %s" % result)
    def on_kill(self): self.said.append("killed")
    def execute(self, context):
        assert context["task"] is self and context["ti"].task is self
        if self.text == "killed":
            from updraft_runner.exceptions import AirflowTaskTerminated
            raise AirflowTaskTerminated("end")
        return self.text * self.times

class Deferring(BaseOperator):
    def __init__(self, event, **kw):
        super().__init__(**kw)
        self.event = event
    def execute(self, context):
        self.defer(trigger=Soon(self.event), method_name="resume", kwargs={"a": 1}, timeout=timedelta(seconds=5))
    def resume(self, context, event, a):
        return [event, a]

class Begins(BaseSensorOperator):
    start_trigger_args = StartTriggerArgs(trigger_cls=__name__ + ".Soon", trigger_kwargs={}, next_method="resume", next_kwargs={"a": 2}, timeout=None)
    start_from_trigger = True
    def __init__(self, event, **kw):
        super().__init__(**kw)
        self.start_trigger_args = self.start_trigger_args._replace(trigger_kwargs={"event": event})
    def resume(self, context, event, a):
        return [event, a]

class Growing(BaseSensorOperator):
    seen = 0
    def poke(self, context):
        self.seen += 1
        return self.seen == 3

def twice(n): return lambda **context: [n * 2, context["ds"]]

with DAG("d", schedule=None, start_date=datetime(2024, 1, 1), user_defined_macros={"up": str.upper}, on_failure_callback=[print, twice(4)]) as dag:
    Mine(task_id="mine", text="{{ ds }}", times=2)
    Mine(task_id="killed", text="killed")
    Mine.partial(task_id="mapped", times=3).expand(text=["a", "b"])
    Deferring(task_id="defers", event=TriggerEvent("e"))
    Deferring(task_id="skips", event=TaskSkippedEvent())
    Deferring(task_id="fails", event=None)
    Begins(task_id="begins", event=TriggerEvent("first"), mode="reschedule")
    Growing(task_id="grows", poke_interval=0.01)
    Growing(task_id="asks", mode="reschedule")
    for i in range(2):
        PythonOperator(task_id="closure_%d" % i, python_callable=twice(i), op_kwargs={"p": Point(i)})
    @task
    def add(a, b=1): return a + b
    add.partial(b=2).expand(a=[1, 2])
"""


class Objects(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "d.py")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(SOURCE)
        self.own = set()
        self.context = context.build({"ti": {"dag_id": "d", "task_id": "t", "run_id": "r"}, "dag_run": {"logical_date": "2024-05-01T00:00:00Z"}})

    def what(self, task, name):
        return {"file": self.path, "dag": "d", "task": task, "name": name}

    def run_method(self, task, attributes=None, kwargs=None, name="execute"):
        method = objects.Method(self.what(task, name), self.own)
        return method.task, method(self.context, attributes or {}, kwargs or {})

    def test_execute(self):
        task, value = self.run_method("mine", {"text": "2024"})
        self.assertEqual((value, task.said), ("20242024", ["pre", "post 20242024"]))
        self.assertEqual(self.context["task"].dag.dag_id, "d")

    def test_not_with_a_real_airflow(self):
        """What another callable of this interpreter may have imported is left out."""
        real = types.ModuleType("airflow.models")
        sys.modules["airflow.models"] = real
        self.addCleanup(imports.forget)
        self.assertEqual(self.run_method("mine", {"text": "a"})[1], "aa")
        self.assertIsNot(sys.modules["airflow.models"], real)

    def test_mapped(self):
        self.assertEqual(self.run_method("mapped", {}, {"text": "b"})[1], "bbb")

    def test_killed(self):
        with self.assertRaises(AirflowTaskTerminated):
            self.run_method("killed")
        self.assertEqual(self.context["task"].said[-1], "killed")

    def test_deferred(self):
        self.assertEqual(self.run_method("defers")[1], ["e", 1])
        with self.assertRaises(AirflowSkipException):
            self.run_method("skips")
        self.assertEqual(self.run_method("begins")[1], ["first", 2])
        self.assertEqual(tasks(SOURCE)["begins"]["args"]["kind"], "operator")
        with self.assertRaisesRegex(TaskDeferralError, "the trigger failed: no event"):
            self.run_method("fails")

    def test_sensors(self):
        self.assertIsNone(self.run_method("grows")[1])
        self.assertEqual(self.context["task"].seen, 3)
        self.assertFalse(self.run_method("asks", name="poke")[1])

    def test_how_sensors_are_run(self):
        """In mode poke one object looks again and again; rescheduled, a new one does."""
        found = {name: task["args"] for name, task in tasks(SOURCE).items()}
        self.assertEqual([(found[n]["kind"], found[n]["object"]["name"]) for n in ("grows", "asks")],
                         [("operator", "execute"), ("sensor", "poke")])

    def test_functions(self):
        load = lambda task, name: calls.load(self.what(task, name), self.own)  # noqa: E731
        for i in range(2):
            self.assertEqual(load("closure_%d" % i, "python_callable")(ds="x"), [i * 2, "x"])
        self.assertEqual(load("", "user_defined_macros.up")("a"), "A")
        self.assertEqual(load("", "on_failure_callback.1")(ds="y"), [8, "y"])
        with self.assertRaisesRegex(calls.CannotLoad, "owner of mine is no callable but a str"):
            load("mine", "owner")
        with self.assertRaisesRegex(AirflowNotFoundException, "the file makes no DAG 'other': it has d"):
            calls.load({**self.what("mine", "execute"), "dag": "other"}, self.own)

    def test_values(self):
        self.addCleanup(session.use, session._current)
        session.use(type("Here", (), {"own_modules": self.own})())
        found = xcom.decode({"__classname__": "updraft.Callable", "__version__": 1, "__data__": self.what("closure_1", "op_kwargs.p")})
        self.assertEqual(found.x, 1)
        again = xcom.decode(xcom.encode(found), self.own)  # a class of the file is known by then
        self.assertEqual((again, type(again)), (found, type(found)))


class Dates(unittest.TestCase):
    def test_context_is_pendulums(self):
        found = context.build({"dag_run": {"logical_date": "2024-05-01T00:00:00Z"}})["logical_date"]
        self.assertEqual(found.add(days=1).to_date_string(), "2024-05-02")
        self.assertEqual(found.format("DD/MM"), "01/05")
        self.assertEqual((found - dt.timedelta(hours=1)).hour, 23)


if __name__ == "__main__":
    unittest.main()
