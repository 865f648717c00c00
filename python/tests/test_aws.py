"""Amazon's names: operators as tasks, and hooks through boto3 if that is there."""
import datetime
import importlib.util
import sys
import types
import unittest
from unittest import mock

from dagfiles import read, tasks

from updraft_dags import imports
from updraft_runner.exceptions import AirflowException, AirflowNotFoundException

imports.install()

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # noqa: E402
from airflow.providers.amazon.aws.hooks.ecs import EcsTaskStates  # noqa: E402
from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # noqa: E402
from airflow.providers.amazon.aws.hooks.sns import SnsHook  # noqa: E402
from airflow.models import Connection  # noqa: E402


class Operators(unittest.TestCase):
    def test_today(self):
        found = tasks("""
            from airflow.sdk import DAG
            from airflow.providers.amazon.aws.hooks.ecs import EcsTaskStates
            from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
            from airflow.providers.amazon.aws.operators.s3 import S3ListOperator
            from airflow.providers.amazon.aws.sensors.ecs import EcsTaskStateSensor
            from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
            with DAG("d"):
                keys = S3ListOperator(task_id="keys", bucket="b", prefix="{{ ds }}/")
                LambdaInvokeFunctionOperator.partial(task_id="call", function_name="f", aws_conn_id=None).expand(payload=keys.output)
                S3KeySensor(task_id="wait", bucket_key=["a", "b*"], bucket_name="b", wildcard_match=True, check_fn=lambda files: bool(files))
                EcsTaskStateSensor(task_id="state", cluster="c", task="t", target_state=EcsTaskStates.STOPPED,
                                   failure_states={EcsTaskStates.NONE})
            """)
        self.assertEqual(found["keys"]["operator"], "airflow.providers.amazon.aws.operators.s3.S3ListOperator")
        self.assertEqual(found["keys"]["args"], {"bucket": "b", "prefix": "{{ ds }}/"})
        self.assertEqual(found["wait"]["args"]["bucket_key"], ["a", "b*"])
        self.assertEqual(found["wait"]["args"]["check_fn"]["name"], "check_fn")
        self.assertEqual(found["state"]["args"]["target_state"], "STOPPED")
        self.assertEqual(list(found["state"]["args"]["failure_states"]), ["NONE"])

    def test_of_airflow_2(self):
        answer = read("""
            from airflow import DAG
            from airflow.contrib.operators.ecs_operator import ECSOperator
            from airflow.contrib.operators.aws_athena_operator import AWSAthenaOperator
            from airflow.contrib.hooks.aws_hook import AwsHook
            from airflow.hooks.S3_hook import S3Hook
            from airflow.providers.amazon.aws.operators.s3_bucket import S3CreateBucketOperator
            from airflow.sensors.s3_key_sensor import S3KeySensor
            from datetime import datetime
            with DAG("d", schedule_interval=None, start_date=datetime(2024, 1, 1)):
                ECSOperator(task_id="run", task_definition="t", cluster="c", overrides={}, region_name="eu-west-1")
                AWSAthenaOperator(task_id="query", query="select 1", database="d", output_location="s3://b/", max_tries=3)
                S3CreateBucketOperator(task_id="bucket", bucket_name="b")
                S3KeySensor(task_id="key", bucket_key="s3://b/k")
            """)
        self.assertIsNone(answer["error"])
        found = {t["task_id"]: t for t in answer["dags"][0]["tasks"]}
        self.assertEqual({name: t["operator"].rpartition(".")[2] for name, t in found.items()}, {
            "run": "EcsRunTaskOperator", "query": "AthenaOperator", "bucket": "S3CreateBucketOperator", "key": "S3KeySensor"})
        self.assertEqual(found["query"]["args"]["max_polling_attempts"], 3)


class Boto:
    """As much of boto3 as the hooks touch; it keeps what it was asked."""

    def __init__(self):
        self.sessions, self.clients = [], []
        outer = self

        class Session:
            def __init__(self, **given):
                outer.sessions.append(given)
                self.region_name = given.get("region_name")

            def client(self, service, **given):
                given.pop("config")
                outer.clients.append((service, given))
                answer = mock.MagicMock()
                answer.assume_role.return_value = {"Credentials": {
                    "AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T",
                    "Expiration": datetime.datetime(2999, 1, 1, tzinfo=datetime.timezone.utc)}}
                outer.last = answer
                return answer

        self.modules = {name: types.ModuleType(name) for name in (
            "boto3", "boto3.session", "botocore", "botocore.config", "botocore.credentials", "botocore.session")}
        self.modules["boto3"].session = self.modules["boto3.session"]
        self.modules["boto3.session"].Session = Session
        self.modules["botocore"].UNSIGNED = "UNSIGNED"
        self.modules["botocore.config"].Config = dict
        self.modules["botocore.credentials"].RefreshableCredentials = mock.MagicMock()
        self.modules["botocore.session"].get_session = mock.MagicMock()

    def __enter__(self):
        self.patch = mock.patch.dict(sys.modules, self.modules)
        self.patch.start()
        return self

    def __exit__(self, *_):
        self.patch.stop()


def connected(**fields):
    return mock.patch.object(AwsBaseHook, "get_connection", classmethod(lambda cls, name: Connection(name, "aws", **fields)))


class Hooks(unittest.TestCase):
    def test_without_boto3(self):
        if importlib.util.find_spec("boto3"):
            blocked = mock.patch.dict(sys.modules, {"boto3": None})
        else:
            blocked = mock.patch.dict(sys.modules, {})
        with blocked, connected(), self.assertRaisesRegex(ModuleNotFoundError, "^S3Hook works through boto3.*pip install boto3"):
            S3Hook().get_conn()

    def test_session_and_client(self):
        extra = {"region_name": "eu-west-1", "endpoint_url": "http://all", "verify": False,
                 "service_config": {"sns": {"endpoint_url": "http://sns"}}}
        with Boto() as boto, connected(login="key", password="secret", extra=extra):
            AwsBaseHook(client_type="sqs").get_conn()
            SnsHook(region_name="us-west-2").get_client_type()
        self.assertEqual(boto.sessions, [
            {"region_name": "eu-west-1", "aws_access_key_id": "key", "aws_secret_access_key": "secret"},
            {"region_name": "us-west-2", "aws_access_key_id": "key", "aws_secret_access_key": "secret"}])
        self.assertEqual(boto.clients, [
            ("sqs", {"endpoint_url": "http://all", "verify": False}), ("sns", {"endpoint_url": "http://sns", "verify": False})])

    def test_role(self):
        extra = {"role_arn": "arn:r", "assume_role_kwargs": {"ExternalId": "x"}, "endpoint_url": "http://all", "profile_name": "p"}
        with Boto() as boto, connected(extra=extra):
            AwsBaseHook(client_type="sqs").get_session()
            renew = boto.modules["botocore.credentials"].RefreshableCredentials.create_from_metadata.call_args.kwargs
        self.assertEqual(boto.sessions[0], {"profile_name": "p"})
        self.assertEqual(boto.clients, [("sts", {"endpoint_url": None})])
        boto.last.assume_role.assert_called_once_with(RoleSessionName="Airflow_aws_default", ExternalId="x", RoleArn="arn:r")
        self.assertEqual(renew["metadata"], {
            "access_key": "A", "secret_key": "S", "token": "T", "expiry_time": "2999-01-01T00:00:00+00:00"})

    def test_no_connection(self):
        def nothing(cls, name):
            raise AirflowNotFoundException(name)
        with Boto() as boto, mock.patch.object(AwsBaseHook, "get_connection", classmethod(nothing)), self.assertLogs("airflow.task.hooks.AwsBaseHook"):
            AwsBaseHook("mine", client_type="sqs").get_session()
        self.assertEqual(boto.sessions, [{}])
        with self.assertRaisesRegex(ValueError, "must be provided, not both"):
            AwsBaseHook(None).service_name

    def test_urls(self):
        for url, want in [("s3://b/a/k", ("b", "a/k")), ("S3A://b/k?x=1", ("b", "k?x=1")), ("https://s3.eu-west-1.amazonaws.com/b/k", ("b", "k")),
                          ("https://b.s3.eu-west-1.amazonaws.com/a/k", ("b", "a/k"))]:
            self.assertEqual(S3Hook.parse_s3_url(url), want)
        for url in ("k", "s3:///k", "https://example.com/b/k"):
            with self.assertRaises(AirflowException):
                S3Hook.parse_s3_url(url)
        with self.assertRaises(TypeError):
            S3Hook.get_s3_bucket_key("b", "s3://b/k", "bucket", "key")

    def test_objects(self):
        with Boto() as boto, connected(extra={"service_config": {"s3": {"bucket_name": "mine"}}}):
            hook = S3Hook()
            hook.conn.get_paginator().paginate.return_value = [
                {"Contents": [{"Key": "a/1.csv", "LastModified": 1}, {"Key": "a/2.txt", "LastModified": 2}]}, {"CommonPrefixes": [{"Prefix": "a/b/"}]}]
            self.assertEqual(hook.list_keys(prefix="a/*.csv", apply_wildcard=True), ["a/1.csv"])
            self.assertEqual(hook.list_keys(prefix="a/", from_datetime=2), ["a/2.txt"])
            self.assertTrue(hook.check_for_prefix("a/b", "/"))
            hook.conn.delete_objects.return_value = {}
            hook.delete_objects("b", [str(n) for n in range(1500)])
            self.assertEqual([len(call.kwargs["Delete"]["Objects"]) for call in hook.conn.delete_objects.call_args_list], [1000, 500])
            hook.conn.get_object.return_value = {"Body": mock.MagicMock(read=lambda: "ü".encode())}
            self.assertEqual(hook.read_key("s3://other/k"), "ü")
            hook.conn.get_object.assert_called_once_with(Bucket="other", Key="k")
        self.assertEqual(boto.clients[0][0], "s3")

    def test_states_are_texts(self):
        self.assertEqual((EcsTaskStates.RUNNING, str(EcsTaskStates("STOPPED"))), ("RUNNING", "STOPPED"))


if __name__ == "__main__":
    unittest.main()
