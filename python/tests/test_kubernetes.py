"""KubernetesPodOperator, @task.kubernetes, and the stand-in for Kubernetes' client."""
import copy
import pickle
import subprocess
import sys
import unittest

from dagfiles import error, read, tasks

from updraft_dags import imports

imports.install()
imports.install_standins()

from kubernetes.client import models as k8s  # noqa: E402

from updraft_dags.providers.script import make  # noqa: E402
from updraft_runner import xcom  # noqa: E402

OPERATOR = "airflow.providers.cncf.kubernetes.operators.pod"
DECORATED = "airflow.providers.cncf.kubernetes.decorators.kubernetes._KubernetesDecoratedOperator"
HEAD = "from airflow import DAG\nfrom %s import KubernetesPodOperator\nfrom kubernetes.client import models as k8s\nwith DAG('d', schedule=None):\n    "


def pod(arguments, where=OPERATOR, before=""):
    """The task that a KubernetesPodOperator with these arguments becomes."""
    return tasks(before + HEAD % where + "KubernetesPodOperator(task_id='t', image='i', %s)\n" % arguments)["t"]


class Operator(unittest.TestCase):
    def test_paths(self):
        for where in (OPERATOR, "airflow.providers.cncf.kubernetes.operators.kubernetes_pod", "airflow.contrib.operators.kubernetes_pod_operator"):
            with self.subTest(where):
                found = pod("cmds=['sh', '-c'], arguments=['echo {{ ds }}'], namespace='n'", where)
                self.assertEqual(found["operator"], OPERATOR + ".KubernetesPodOperator")
                self.assertEqual(found["args"], {
                    "image": "i", "cmds": ["sh", "-c"], "arguments": ["echo {{ ds }}"], "namespace": "n", "base_container_name": "base"})
                self.assertFalse(found["do_xcom_push"])

    def test_xcom(self):
        found = pod("do_xcom_push=True")
        self.assertTrue(found["do_xcom_push"])
        self.assertIs(found["args"]["do_xcom_push"], True)

    def test_objects(self):
        found = pod("""
            env_vars=[k8s.V1EnvVar(name='A', value_from=k8s.V1EnvVarSource(field_ref=k8s.V1ObjectFieldSelector(field_path='status.podIP')))],
            volumes=[k8s.V1Volume(name='v', host_path=k8s.V1HostPathVolumeSource(path='/x'))],
            volume_mounts=[k8s.V1VolumeMount('/y', name='v')],
            container_resources=k8s.V1ResourceRequirements(limits={'memory': '64Mi'}),
            affinity=k8s.V1Affinity(node_affinity=k8s.V1NodeAffinity()),
            tolerations=[k8s.V1Toleration(key='k', operator='Exists', toleration_seconds=3)],
            full_pod_spec=k8s.V1Pod(metadata=k8s.V1ObjectMeta(labels={'a': 'b'}), spec=k8s.V1PodSpec(containers=[], host_ipc=True))""")["args"]
        self.assertEqual(found["env_vars"], [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}])
        self.assertEqual(found["volumes"], [{"name": "v", "hostPath": {"path": "/x"}}])
        self.assertEqual(found["volume_mounts"], [{"mountPath": "/y", "name": "v"}])
        self.assertEqual(found["container_resources"], {"limits": {"memory": "64Mi"}})
        self.assertEqual(found["affinity"], {"nodeAffinity": {}})
        self.assertEqual(found["tolerations"], [{"key": "k", "operator": "Exists", "tolerationSeconds": 3}])
        self.assertEqual(found["full_pod_spec"], {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [], "hostIPC": True}})

    def test_variables_as_a_dict(self):
        self.assertEqual(pod("env_vars={'A': '{{ ds }}'}")["args"]["env_vars"], [{"name": "A", "value": "{{ ds }}"}])

    def test_secrets(self):
        for where in ("airflow.providers.cncf.kubernetes.secret", "airflow.kubernetes.secret", "airflow.contrib.kubernetes.secret"):
            with self.subTest(where):
                found = pod("secrets=[Secret('env', 'sql_conn', 's', 'k'), Secret('volume', '/etc/s', 's'), Secret('env', None, 'all')]",
                            before="from %s import Secret\n" % where)
                self.assertEqual(found["args"]["secrets"], [
                    {"deploy_type": "env", "deploy_target": "SQL_CONN", "secret": "s", "key": "k"},
                    {"deploy_type": "volume", "deploy_target": "/etc/s", "secret": "s"}, {"deploy_type": "env", "secret": "all"}])

    def test_old_spelling(self):
        found = pod("""resources={'request_memory': '1Gi', 'limit_cpu': 2}, node_selectors={'disk': 'ssd'}, is_delete_operator_pod=False,
            volumes=[Volume('v', {'emptyDir': {}})], volume_mounts=[VolumeMount('v', '/v', None, True)]""",
                    "airflow.contrib.operators.kubernetes_pod_operator",
                    "from airflow.contrib.kubernetes.volume import Volume\nfrom airflow.contrib.kubernetes.volume_mount import VolumeMount\n")["args"]
        self.assertEqual(found["container_resources"], {"request_memory": "1Gi", "limit_cpu": 2})
        self.assertEqual((found["node_selector"], found["on_finish_action"]), ({"disk": "ssd"}, "keep_pod"))
        self.assertEqual(found["volumes"], [{"name": "v", "emptyDir": {}}])
        self.assertEqual(found["volume_mounts"], [{"name": "v", "mountPath": "/v", "readOnly": True}])

    def test_extended(self):
        head = "from %s import KubernetesPodOperator\nfrom airflow import DAG\n" % OPERATOR
        body = "with DAG('d', schedule=None):\n    Mine(task_id='t')\n"
        plain = tasks(head + "class Mine(KubernetesPodOperator):\n    BASE_CONTAINER_NAME = 'main'\n    def __init__(self, **kwargs):\n"
                      "        super().__init__(image='i', **kwargs)\n        self.env_vars.append({'name': 'A', 'value': 'b'})\n" + body)["t"]
        self.assertEqual(plain["operator"], OPERATOR + ".KubernetesPodOperator")
        self.assertEqual(plain["args"], {"image": "i", "env_vars": [{"name": "A", "value": "b"}], "base_container_name": "main"})
        own = tasks(head + "class Mine(KubernetesPodOperator):\n    def execute(self, context):\n        return super().execute(context)\n" + body)["t"]
        self.assertEqual(own["operator"], "updraft.operators.object.ObjectOperator")

    def test_objects_of_own_operators(self):
        found = tasks("from %s import KubernetesPodOperator\nfrom airflow import DAG\nfrom kubernetes.client import models as k8s\n"
                      "class Mine(KubernetesPodOperator):\n    def execute(self, context):\n        return super().execute(context)\n"
                      "with DAG('d', schedule=None):\n    Mine(task_id='t', env_vars=[k8s.V1EnvVar('A', '{{ ds }}')])\n" % OPERATOR)["t"]
        sent = found["args"]["fields"]["env_vars"]
        self.assertEqual(sent[0]["__data__"], {"name": "A", "value": "{{ ds }}"})  # a text that is rendered on its way
        self.assertEqual(xcom.decode(sent), [k8s.V1EnvVar("A", "{{ ds }}")])

    def test_mapped(self):
        found = tasks(HEAD % OPERATOR + "KubernetesPodOperator.partial(task_id='t', image='i').expand(arguments=[['a'], ['b']])\n")["t"]
        self.assertEqual(found["expand"]["args"][0]["name"], "arguments")

    def test_faults(self):
        for argument, want in [
            ("on_finish_action='x'", "'x' is not a valid OnFinishAction"),
            ("callbacks=[object]", "callbacks of KubernetesPodOperator: wants Kubernetes' client for Python"),
            ("volume=[]", "volume"),
        ]:
            self.assertIn(want, error(HEAD % OPERATOR + "KubernetesPodOperator(task_id='t', image='i', %s)\n" % argument))
        self.assertIn("deploy_type must be env or volume", error(
            "from airflow.providers.cncf.kubernetes.secret import Secret\nSecret('x', None, 's')\n"))


class Function(unittest.TestCase):
    def test_task(self):
        found = tasks("""
from airflow import DAG
from airflow.decorators import task
with DAG('d', schedule=None):
    @task.kubernetes(image='python:3', namespace='n', do_xcom_push=True)
    def add(x, *, y=2):
        return x + y
    add(1, y=5)
""")["add"]
        self.assertEqual(found["operator"], DECORATED)
        self.assertEqual(found["args"].pop("python_callable")["name"], "python_callable")
        self.assertEqual(found["args"], {
            "image": "python:3", "namespace": "n", "do_xcom_push": True, "op_args": [1], "op_kwargs": {"y": 5},
            "name": "k8s-airflow-pod-add", "base_container_name": "base"})

    def test_command(self):
        for head, name in [("from airflow.decorators import task", "task.kubernetes_cmd"),
                           ("from airflow.providers.cncf.kubernetes.decorators.kubernetes_cmd import kubernetes_cmd_task", "kubernetes_cmd_task")]:
            found = tasks("%s\nfrom airflow import DAG\nwith DAG('d', schedule=None):\n    @%s(image='i', args_only=True)\n"
                          "    def words(n):\n        return ['echo', n]\n    words('{{ ds }}')\n" % (head, name))["words"]
            self.assertEqual(found["operator"], DECORATED.replace("kubernetes._KubernetesD", "kubernetes_cmd._KubernetesCmdD"))
            found["args"].pop("python_callable")
            self.assertEqual(found["args"], {
                "image": "i", "args_only": True, "op_args": ["{{ ds }}"], "name": "k8s-airflow-pod-words", "base_container_name": "base"})

    def test_by_its_own_name(self):
        found = read("""
            from airflow.sdk import DAG
            from airflow.providers.cncf.kubernetes.decorators.kubernetes import kubernetes_task
            with DAG('d'):
                @kubernetes_task(image='i', name='p')
                def t(x):
                    return x
                t.expand(x=[1, 2])
            """)
        self.assertIsNone(found["error"])
        (one,) = found["dags"][0]["tasks"]
        self.assertEqual((one["operator"], one["expand"]["args"][0]["name"]), (DECORATED, "op_kwargs.x"))

    def test_json(self):
        def double(x):
            return {"twice": 2 * x}
        made = make(double, [2], {}, "pickle", "json")
        program = "import base64, sys, tempfile, os; d = tempfile.mkdtemp(); p = [os.path.join(d, n) for n in 'abc']\n" \
            "for path, text in zip(p, sys.argv[1:]): open(path, 'wb').write(base64.b64decode(text))\n" \
            "os.spawnv(os.P_WAIT, sys.executable, [sys.executable, '-I'] + p); print(open(p[2]).read())"
        said = subprocess.run([sys.executable, "-c", program, made["source"], made["arguments"]], check=True, capture_output=True, text=True)
        self.assertEqual(said.stdout, '{"twice": 4}\n')


class Client(unittest.TestCase):
    def test_model(self):
        one = k8s.V1EnvVar("A", "b")
        self.assertEqual(one, k8s.V1EnvVar(name="A", value="b"))
        self.assertEqual(one.to_dict(), {"name": "A", "value": "b", "value_from": None})
        self.assertEqual(copy.deepcopy(one), one)
        self.assertEqual(pickle.loads(pickle.dumps(one)), one)
        for wrong, want in [
            (lambda: k8s.V1Container(image="i"), "Invalid value for `name`, must not be `None`"),
            (lambda: k8s.V1EnvVar("A", nmae="x"), "unexpected keyword argument 'nmae'"),
            (lambda: k8s.V1EnvVar("A", name="x"), "multiple values for argument 'name'"),
        ]:
            with self.assertRaisesRegex((TypeError, ValueError), want):
                wrong()

    def test_names_of_the_api(self):
        for cls, field, want in [
            (k8s.V1PodSpec, "set_hostname_as_fqdn", "setHostnameAsFQDN"), (k8s.V1ContainerPort, "host_ip", "hostIP"),
            (k8s.V1Probe, "_exec", "exec"), (k8s.V1Volume, "downward_api", "downwardAPI"), (k8s.V1FCVolumeSource, "target_ww_ns", "targetWWNs"),
        ]:
            self.assertEqual(cls.attribute_map[field], want)

    def test_what_is_not_there(self):
        for line in ("from kubernetes.client import CoreV1Api", "from kubernetes.config import load_incluster_config",
                     "from kubernetes import client\nclient.BatchV1Api()"):
            self.assertIn("is not there: Updraft has the objects that pods are made of, and no client: install kubernetes", error(line + "\n"))

    def test_override(self):
        found = tasks("""
from datetime import datetime
from airflow import DAG
from airflow.operators.python import PythonOperator
from kubernetes.client import models as k8s
with DAG('d', schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id='t', python_callable=print, executor_config={'pod_override': k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(annotations={'a': 'b'}), spec=k8s.V1PodSpec(containers=[k8s.V1Container(
            name='base', resources=k8s.V1ResourceRequirements(limits={'memory': '1Gi'}))]))})
""")["t"]
        self.assertEqual(found["executor_config"], {"pod_override": {"metadata": {"annotations": {"a": "b"}}, "spec": {
            "containers": [{"name": "base", "resources": {"limits": {"memory": "1Gi"}}}]}}})

    def test_old_override(self):
        source = """
from datetime import datetime
from airflow import DAG
from airflow.operators.bash_operator import BashOperator
with DAG('d', schedule_interval=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id='t', bash_command='true', executor_config={'KubernetesExecutor': %s})
"""
        found = tasks(source % "{'image': 'i', 'request_memory': '128Mi', 'limit_cpu': 1, 'node_selectors': {'a': 'b'}, 'labels': {}, 'envs': {'A': 1}}")
        self.assertEqual(found["t"]["executor_config"], {"pod_override": {"spec": {
            "containers": [{"name": "base", "image": "i", "resources": {"requests": {"memory": "128Mi"}, "limits": {"cpu": "1"}},
                            "env": [{"name": "A", "value": "1"}]}],
            "nodeSelector": {"a": "b"}}}})
        self.assertIn("KubernetesExecutor cannot say 'cmd': use pod_override", error(source % "{'cmd': 'x'}"))


if __name__ == "__main__":
    unittest.main()
