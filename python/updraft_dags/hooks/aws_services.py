"""Services of AWS other than S3, through boto3."""
from __future__ import annotations

import enum
import json
import time
from typing import Any, Optional

from updraft_dags.hooks.aws import AwsBaseHook


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


class _Hook(AwsBaseHook):
    """The hook of one service."""

    _service = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = self._service
        super().__init__(*args, **kwargs)


class SqsHook(_Hook):
    """Queues."""

    _service = "sqs"

    def create_queue(self, queue_name: str, attributes: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Makes a queue."""
        return self.conn.create_queue(QueueName=queue_name, Attributes=attributes or {})

    def send_message(self, queue_url: str, message_body: str, delay_seconds: int = 0, message_attributes: Optional[dict[str, Any]] = None,
                     message_group_id: Optional[str] = None, message_deduplication_id: Optional[str] = None) -> dict[str, Any]:
        """Sends a message."""
        return self.conn.send_message(**_given(
            QueueUrl=queue_url, MessageBody=message_body, DelaySeconds=delay_seconds, MessageAttributes=message_attributes or {},
            MessageGroupId=message_group_id, MessageDeduplicationId=message_deduplication_id))


class LambdaHook(_Hook):
    """Functions."""

    _service = "lambda"

    def invoke_lambda(self, *, function_name: str, invocation_type: Optional[str] = None, log_type: Optional[str] = None,
                      client_context: Optional[str] = None, payload: Any = None, qualifier: Optional[str] = None) -> dict[str, Any]:
        """Calls a function."""
        return self.conn.invoke(**_given(
            FunctionName=function_name, InvocationType=invocation_type, LogType=log_type, ClientContext=client_context,
            Payload=payload.encode() if isinstance(payload, str) else payload, Qualifier=qualifier))


class AwsLambdaHook(_Hook):
    """The hook of 1.10 and 2.0: it is made for one function."""

    _service = "lambda"

    def __init__(self, function_name: str, region_name: Optional[str] = None, log_type: str = "None", qualifier: str = "$LATEST",
                 invocation_type: str = "RequestResponse", *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, region_name=region_name, **kwargs)
        self.function_name, self.log_type, self.qualifier, self.invocation_type = function_name, log_type, qualifier, invocation_type

    def invoke_lambda(self, payload: str) -> dict[str, Any]:
        """Calls the function."""
        return self.conn.invoke(FunctionName=self.function_name, InvocationType=self.invocation_type, LogType=self.log_type,
                                Payload=payload, Qualifier=self.qualifier)


class SnsHook(_Hook):
    """Topics."""

    _service = "sns"

    def publish_to_target(self, target_arn: str, message: str, subject: Optional[str] = None,
                          message_attributes: Optional[dict[str, Any]] = None, message_deduplication_id: Optional[str] = None,
                          message_group_id: Optional[str] = None) -> dict[str, Any]:
        """Publishes a message."""
        attributes = {name: _attribute(value) for name, value in (message_attributes or {}).items()}
        return self.conn.publish(**_given(
            TargetArn=target_arn, MessageStructure="json", Message=json.dumps({"default": message}), Subject=subject,
            MessageAttributes=attributes or None, MessageDeduplicationId=message_deduplication_id, MessageGroupId=message_group_id))


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {"DataType": "Binary", "BinaryValue": value}
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    if isinstance(value, (int, float)):
        return {"DataType": "Number", "StringValue": str(value)}
    return {"DataType": "String.Array", "StringValue": json.dumps(list(value))}


class AthenaHook(_Hook):
    """Queries."""

    _service = "athena"
    INTERMEDIATE_STATES = ("QUEUED", "RUNNING")
    FAILURE_STATES = ("FAILED", "CANCELLED")
    SUCCESS_STATES = ("SUCCEEDED",)
    TERMINAL_STATES = SUCCESS_STATES + FAILURE_STATES

    def __init__(self, *args: Any, sleep_time: int = 30, log_query: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sleep_time, self.log_query = sleep_time, log_query

    def run_query(self, query: str, query_context: dict[str, str], result_configuration: dict[str, Any],
                  client_request_token: Optional[str] = None, workgroup: str = "primary") -> str:
        """Starts a query and returns its id."""
        if self.log_query:
            self.log.info("Running query: %s", query)
        return self.conn.start_query_execution(**_given(
            QueryString=query, QueryExecutionContext=query_context, ResultConfiguration=result_configuration, WorkGroup=workgroup,
            ClientRequestToken=client_request_token))["QueryExecutionId"]

    def get_query_info(self, query_execution_id: str, use_cache: bool = False) -> dict[str, Any]:
        """All that Athena says of a query."""
        del use_cache
        return self.conn.get_query_execution(QueryExecutionId=query_execution_id)

    def check_query_status(self, query_execution_id: str, use_cache: bool = False) -> str:
        """The state of a query."""
        return self.get_query_info(query_execution_id, use_cache)["QueryExecution"]["Status"]["State"]

    def get_state_change_reason(self, query_execution_id: str, use_cache: bool = False) -> Optional[str]:
        """Why a query is in its state."""
        return self.get_query_info(query_execution_id, use_cache)["QueryExecution"]["Status"].get("StateChangeReason")

    def get_output_location(self, query_execution_id: str) -> str:
        """Where the result of a query is."""
        return self.get_query_info(query_execution_id)["QueryExecution"]["ResultConfiguration"]["OutputLocation"]

    def get_query_results(self, query_execution_id: str, next_token_id: Optional[str] = None, max_results: int = 1000) -> Any:
        """A page of the result; None if there is none."""
        if self.check_query_status(query_execution_id) not in self.SUCCESS_STATES:
            return None
        return self.conn.get_query_results(**_given(
            QueryExecutionId=query_execution_id, MaxResults=max_results, NextToken=next_token_id))

    def get_query_results_paginator(self, query_execution_id: str, max_items: Any = None, page_size: Any = None,
                                    starting_token: Any = None) -> Any:
        """All pages of the result; None if there is none."""
        if self.check_query_status(query_execution_id) not in self.SUCCESS_STATES:
            return None
        return self.conn.get_paginator("get_query_results").paginate(
            QueryExecutionId=query_execution_id,
            PaginationConfig={"MaxItems": max_items, "PageSize": page_size, "StartingToken": starting_token})

    def poll_query_status(self, query_execution_id: str, max_polling_attempts: Optional[int] = None,
                          sleep_time: Optional[int] = None) -> str:
        """Waits for the end of a query and returns its state."""
        looks = 1
        while True:
            state = self.check_query_status(query_execution_id)
            if state in self.TERMINAL_STATES or max_polling_attempts and looks >= max_polling_attempts:
                return state
            looks += 1
            time.sleep(self.sleep_time if sleep_time is None else sleep_time)

    def stop_query(self, query_execution_id: str) -> dict[str, Any]:
        """Cancels a query."""
        return self.conn.stop_query_execution(QueryExecutionId=query_execution_id)


class _State(str, enum.Enum):
    def __str__(self) -> str:
        return str(self.value)


EcsClusterStates = _State("EcsClusterStates", [(s, s) for s in ("ACTIVE", "PROVISIONING", "DEPROVISIONING", "FAILED", "INACTIVE")])
EcsTaskDefinitionStates = _State("EcsTaskDefinitionStates", [(s, s) for s in ("ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS")])
EcsTaskStates = _State("EcsTaskStates", [(s, s) for s in (
    "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED", "NONE")])


class EcsHook(_Hook):
    """Clusters and tasks."""

    _service = "ecs"

    def get_cluster_state(self, cluster_name: str) -> str:
        """The state of a cluster."""
        return self.conn.describe_clusters(clusters=[cluster_name])["clusters"][0]["status"]

    def get_task_definition_state(self, task_definition: str) -> str:
        """The state of a task definition."""
        return self.conn.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]["status"]

    def get_task_state(self, cluster: str, task: str) -> str:
        """The state of a task."""
        return self.conn.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]["lastStatus"]


class EventBridgeHook(_Hook):
    """Buses of events."""

    _service = "events"


class StepFunctionHook(_Hook):
    """State machines."""

    _service = "stepfunctions"

    def start_execution(self, state_machine_arn: str, name: Optional[str] = None, state_machine_input: Any = None) -> str:
        """Starts an execution and returns its ARN."""
        given = json.dumps(state_machine_input) if isinstance(state_machine_input, dict) else state_machine_input
        return self.conn.start_execution(**_given(stateMachineArn=state_machine_arn, name=name, input=given))["executionArn"]

    def describe_execution(self, execution_arn: str) -> dict[str, Any]:
        """What an execution has come to."""
        return self.conn.describe_execution(executionArn=execution_arn)


class SecretsManagerHook(_Hook):
    """Secrets."""

    _service = "secretsmanager"

    def get_secret(self, secret_name: str) -> Any:
        """A secret, a text or bytes."""
        found = self.conn.get_secret_value(SecretId=secret_name)
        return found["SecretString"] if "SecretString" in found else found["SecretBinary"]

    def get_secret_as_dict(self, secret_name: str) -> dict[str, Any]:
        """A secret that is JSON."""
        return json.loads(self.get_secret(secret_name))
