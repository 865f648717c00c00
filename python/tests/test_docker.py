"""DockerOperator, @task.docker and the stand-in for docker.types."""
import base64
import datetime
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from dagfiles import error, read, tasks

from updraft_dags import imports

imports.install()

from airflow.providers.docker.decorators.docker import docker_task  # noqa: E402
from updraft_dags.providers.script import make, result  # noqa: E402

HEAD = "from airflow import DAG\nfrom %s import DockerOperator\nwith DAG('d', schedule=None):\n    "
OPERATOR = "airflow.providers.docker.operators.docker"
DECORATED = "airflow.providers.docker.decorators.docker._DockerDecoratedOperator"


def standin(name):
    """A module of the stand-in, also where the real package is installed."""
    folder = os.path.join(os.path.dirname(imports.__file__), "standins", "docker")
    spec = importlib.util.spec_from_file_location("standin_docker_" + name, os.path.join(folder, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Operator(unittest.TestCase):
    def test_paths(self):
        for where in (OPERATOR, "airflow.operators.docker_operator", "airflow.contrib.operators.docker_operator"):
            with self.subTest(where):
                found = tasks(HEAD % where + "DockerOperator(task_id='t', image='i:{{ ds }}', command=['a'], auto_remove=True)\n")["t"]
                self.assertEqual(found["operator"], OPERATOR + ".DockerOperator")
                self.assertEqual(found["args"], {"image": "i:{{ ds }}", "command": ["a"], "auto_remove": "success"})

    def test_mounts(self):
        source = "from docker.types import Mount\n" + HEAD % OPERATOR + \
            "DockerOperator(task_id='t', image='i', mounts=[Mount(source='/h', target='/c', type='bind'), Mount('/v', 'data')])\n"
        found = tasks(source)["t"]["args"]["mounts"]
        self.assertEqual([(m["Type"], m["Source"], m["Target"]) for m in found], [("bind", "/h", "/c"), ("volume", "data", "/v")])

    def test_faults(self):
        for argument, want in [
            ("auto_remove='x'", "ValueError: Invalid `auto_remove` value 'x', expected one of 'never', 'success', or 'force'."),
            ("network_mode='host', port_bindings={80: 80}", "ValueError: Port bindings is not supported in the host network mode"),
        ]:
            self.assertEqual(error(HEAD % OPERATOR + "DockerOperator(task_id='t', image='i', %s)\n" % argument), want)


class Types(unittest.TestCase):
    def test_mount(self):
        types = standin("types")
        self.assertEqual(types.Mount("/t", "/s", "bind", read_only=True, propagation="shared"), {
            "Target": "/t", "Source": "/s", "Type": "bind", "ReadOnly": True, "BindOptions": {"Propagation": "shared"}})
        self.assertEqual(types.Mount("/t", None, "tmpfs", tmpfs_size="64m", tmpfs_mode=0o700)["TmpfsOptions"],
                         {"Mode": 0o700, "SizeBytes": 64 << 20})
        self.assertEqual(types.Mount.parse_mount_string("/a:/b:ro"), types.Mount("/b", "/a", "bind", read_only=True))
        with self.assertRaisesRegex(ValueError, "Unsupported mount type"):
            types.Mount("/t", "/s", "folder")

    def test_others(self):
        types = standin("types")
        self.assertEqual(types.Ulimit(name="nofile", soft=1, hard=2), {"Name": "nofile", "Soft": 1, "Hard": 2})
        self.assertEqual(types.DeviceRequest(count=-1, capabilities=[["gpu"]])["Capabilities"], [["gpu"]])
        self.assertEqual(types.LogConfig(config={"max-size": "1m"}), {"Type": "json-file", "Config": {"max-size": "1m"}})
        with self.assertRaisesRegex(AttributeError, "pip install docker"):
            standin("__init__").from_env


SOURCE = """
from airflow import DAG
from airflow.decorators import task
with DAG('d', schedule=None):
    @task.docker(image='python:3', auto_remove='force', multiple_outputs=True)
    def t(x, *, y=2):
        import json
        return {"sum": x + y}
    t(1, y=5)
"""


class Function(unittest.TestCase):
    def test_task(self):
        found = tasks(SOURCE)["t"]
        self.assertEqual(found["operator"], DECORATED)
        self.assertEqual(found["args"].pop("python_callable")["name"], "python_callable")
        self.assertEqual(found["args"], {"image": "python:3", "auto_remove": "force", "op_args": [1], "op_kwargs": {"y": 5}})
        self.assertTrue(found["multiple_outputs"])

    def test_mapped_and_by_its_own_name(self):
        found = read("""
            from airflow.sdk import DAG
            from airflow.providers.docker.decorators.docker import docker_task
            with DAG('d'):
                @docker_task(image='i')
                def t(x):
                    return x
                t.expand(x=[1, 2])
            """)
        self.assertIsNone(found["error"])
        (one,) = found["dags"][0]["tasks"]
        self.assertEqual((one["operator"], one["expand"]["args"][0]["name"]), (DECORATED, "op_kwargs.x"))

    def ran(self, function, args=(), kwargs=None):
        """What a Python without Updraft makes of the script."""
        made = make(function, args, kwargs or {}, "pickle")
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("script.py", "script.in", "script.out")]
            for path, part in zip(paths, ("source", "arguments")):
                with open(path, "wb") as file:
                    file.write(base64.b64decode(made[part]))
            subprocess.run([sys.executable, "-I"] + paths, check=True, capture_output=True)
            with open(paths[2], "rb") as file:
                data = file.read()
            return result(base64.b64encode(data).decode()) if data else None

    def test_script(self):
        @docker_task(image="i")
        def total(numbers: "Nothing", when=None):  # noqa: F821  annotations are not evaluated
            import math
            return {"sum": math.fsum(numbers), "when": when, "{braces}": (1,)}

        now = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)

        class Moment(datetime.datetime):
            """As pendulum's: the image has no such class."""

        moment = Moment(2024, 1, 2, tzinfo=datetime.timezone.utc)
        self.assertEqual(self.ran(total.function, [[1, 2.5]], {"when": moment}), {"sum": 3.5, "when": now, "{braces}": (1,)})

    def test_nothing(self):
        def nothing():
            pass
        self.assertIsNone(self.ran(nothing))

    def test_what_has_no_source(self):
        for function, want in [(lambda: 1, "is none with a name"), (len, "cannot be found"), (self.test_nothing, "is none with a name")]:
            with self.assertRaisesRegex(Exception, want):
                make(function, [], {}, "pickle")

    def test_serializers(self):
        with mock.patch.dict(sys.modules, {"dill": None}):
            with self.assertRaisesRegex(Exception, "pip install dill"):
                result("", "dill")
            self.assertEqual(result(base64.b64encode(pickle.dumps({1})).decode()), {1})
        said = error("from airflow.decorators import task\nfrom airflow import DAG\nwith DAG('d', schedule=None):\n"
                     "    @task.docker(image='x', serializer='y')\n    def f(): pass\n    f()\n")
        self.assertIn("Unsupported serializer 'y'", said)


if __name__ == "__main__":
    unittest.main()
