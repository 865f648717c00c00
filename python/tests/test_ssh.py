"""SSHOperator and SSHHook."""
import json
import sys
import unittest
from unittest import mock

from dagfiles import error, tasks

from updraft_dags import imports
from updraft_runner import session
from updraft_runner.exceptions import AirflowOptionalProviderFeatureException

imports.install()

from airflow.providers.ssh.hooks.ssh import SSHHook  # noqa: E402
from updraft_dags.hooks import of  # noqa: E402
from updraft_dags.hooks.ssh import described  # noqa: E402

HEAD = "from airflow import DAG\nfrom %s import SSHOperator\n" \
       "from airflow.providers.ssh.hooks.ssh import SSHHook\nwith DAG('d', schedule=None):\n    "
CLASS = "airflow.providers.ssh.operators.ssh"


class Answers:
    """A session that knows one connection."""

    contexts, own_modules = [], set()

    def ask(self, op, **fields):
        """The connection."""
        del op, fields
        return {"conn_id": "box", "conn_type": "ssh", "host": "h", "port": 2222, "login": "me", "password": "secret",
                "extra": json.dumps({"no_host_key_check": "true", "conn_timeout": 3})}


class Operator(unittest.TestCase):
    def made(self, call, where=CLASS):
        """The task of one line."""
        return tasks(HEAD % where + call + "\n")["t"]

    def test_paths(self):
        for where in (CLASS, "airflow.contrib.operators.ssh_operator", "airflow.operators.ssh_operator"):
            with self.subTest(where):
                found = self.made("SSHOperator(task_id='t', ssh_conn_id='box', command='ls {{ ds }}', environment={'A': 'b'})", where)
                self.assertEqual(found["operator"], CLASS + ".SSHOperator")
                self.assertEqual(found["args"], {"ssh_conn_id": "box", "command": "ls {{ ds }}", "environment": {"A": "b"}})

    def test_no_bound_is_not_nothing(self):
        self.assertNotIn("cmd_timeout", self.made("SSHOperator(task_id='t', ssh_conn_id='box', command='x')")["args"])
        found = self.made("SSHOperator(task_id='t', ssh_conn_id='box', command='x', cmd_timeout=None)")
        self.assertEqual(found["args"]["cmd_timeout"], 0)

    def test_a_hook_stays_in_the_file(self):
        found = self.made("SSHOperator(task_id='t', ssh_hook=SSHHook(remote_host='h', username='u', password='secret'), command='x')")
        self.assertEqual(found["args"]["ssh_hook"]["__type"], "callable")
        self.assertEqual(found["args"]["ssh_hook"]["name"], "ssh_hook")
        self.assertNotIn("secret", json.dumps(found))

    def test_faults(self):
        self.assertIn("Invalid arguments were passed to SSHOperator", error(HEAD % CLASS + "SSHOperator(task_id='t', comand='x')\n"))


class Hook(unittest.TestCase):
    def setUp(self):
        self.addCleanup(session.use, session._current)
        session.use(Answers())

    def test_the_connection_fills_in(self):
        hook = SSHHook("box", username="you")
        self.assertEqual(
            (hook.remote_host, hook.port, hook.username, hook.password, hook.conn_timeout, hook.no_host_key_check, hook.cmd_timeout),
            ("h", 2222, "you", "secret", 3, True, 10))
        self.assertIsInstance(of(SSHHook.get_connection("box")), SSHHook)
        with self.assertRaises(AttributeError):
            hook.nothing

    def test_described(self):
        hook = SSHHook("box", remote_host="other", cmd_timeout=None)
        self.assertEqual(described(hook), {"ssh_conn_id": "box", "remote_host": "other", "cmd_timeout": 0})
        hook.port = 7
        self.assertEqual(described(hook)["port"], 7)
        with self.assertRaisesRegex(TypeError, "ssh_hook is a str, not an SSHHook"):
            described("box")

    def test_without_paramiko(self):
        with mock.patch.dict(sys.modules, {"paramiko": None}):
            with self.assertRaisesRegex(AirflowOptionalProviderFeatureException, "pip install paramiko"):
                SSHHook("box").get_conn()

    def test_with_paramiko(self):
        paramiko = mock.MagicMock()
        with mock.patch.dict(sys.modules, {"paramiko": paramiko}):
            client = SSHHook("box").get_conn()
        given = client.connect.call_args
        self.assertEqual((given.args, given.kwargs["port"], given.kwargs["password"]), (("h",), 2222, "secret"))
        client.set_missing_host_key_policy.assert_called_once_with(paramiko.AutoAddPolicy())


class Files(unittest.TestCase):
    def test_operator(self):
        for where in ("airflow.providers.sftp.operators.sftp", "airflow.contrib.operators.sftp_operator"):
            with self.subTest(where):
                found = tasks("from airflow import DAG\nfrom %s import SFTPOperation, SFTPOperator\nwith DAG('d', schedule=None):\n    SFTPOperator("
                              "task_id='t', ssh_conn_id='box', local_filepath='/a', remote_filepath='/{{ ds }}', operation=SFTPOperation.GET)\n" % where)
                self.assertEqual(found["t"]["operator"], "airflow.providers.sftp.operators.sftp.SFTPOperator")
                self.assertEqual(found["t"]["args"], {
                    "ssh_conn_id": "box", "local_filepath": "/a", "remote_filepath": "/{{ ds }}", "operation": "get"})

    def test_sensor(self):
        found = tasks("from airflow import DAG\nfrom airflow.providers.sftp.sensors.sftp import SFTPSensor\nwith DAG('d', schedule=None):\n"
                      "    SFTPSensor(task_id='t', path='/in', file_pattern='*.csv', newer_than='{{ ds }}', mode='reschedule')\n")["t"]
        self.assertEqual(found["operator"], "airflow.providers.sftp.sensors.sftp.SFTPSensor")
        self.assertEqual({k: found["args"][k] for k in ("path", "file_pattern", "newer_than")}, {
            "path": "/in", "file_pattern": "*.csv", "newer_than": "{{ ds }}"})
        self.assertTrue(found["reschedule"])


if __name__ == "__main__":
    unittest.main()
