"""ECS for LocalStack: RunTask, DescribeTasks, ListTasks and StopTask; all else is moto's."""

import threading
import types
from datetime import UTC, datetime, timedelta

from localstack.aws.api import CommonServiceException, RequestContext, handler
from localstack.aws.spec import load_service
from localstack.services.plugins import Service, ServiceLifecycleHook, aws_provider
from moto.ecs.models import ecs_backends

from updraft_localstack.ecs.task import Task, lower_keys

MAX_TASKS_PER_CALL = 10
KEPT = timedelta(hours=1)


class EcsProvider(ServiceLifecycleHook):
    service = "ecs"
    version = "2014-11-13"

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._by_token: dict[str, tuple[dict, list[Task]]] = {}
        self._lock = threading.RLock()

    def on_before_stop(self) -> None:
        for task in self._tasks.values():
            task.kill()

    @handler("RunTask", expand=False)
    def run_task(self, context: RequestContext, request):
        request = dict(request)
        token = request.pop("clientToken", None)
        cluster, definition = _look_up(context, request)
        _check(request, definition)
        with self._lock:
            self._forget_old()
            if token in self._by_token:
                before, tasks = self._by_token[token]
                if before != request:
                    raise CommonServiceException(
                        "ConflictException", "The client token was used with other parameters."
                    )
                return {"tasks": [t.describe() for t in tasks], "failures": []}
            count = request.get("count") or 1
            tasks = [Task(context.account_id, context.region, cluster, definition, request) for _ in range(count)]
            self._tasks.update({t.id: t for t in tasks})
            if token:
                self._by_token[token] = (request, tasks)
        answer = {"tasks": [t.describe() for t in tasks], "failures": []}
        for task in tasks:
            threading.Thread(target=task.run, daemon=True, name=f"updraft-task-{task.id[:8]}").start()
        return answer

    @handler("DescribeTasks", expand=False)
    def describe_tasks(self, context: RequestContext, request):
        if len(request.get("tasks") or []) > 100:
            raise CommonServiceException("InvalidParameterException", "Tasks cannot have more than 100 elements.")
        found, failures = [], []
        for reference in request.get("tasks") or []:
            if task := self._tasks.get(_id(reference)):
                found.append(task.describe())
            else:
                failures.append({"arn": reference, "reason": "MISSING"})
        return {"tasks": found, "failures": failures}

    @handler("ListTasks", expand=False)
    def list_tasks(self, context: RequestContext, request):
        desired, cluster = request.get("desiredStatus") or "RUNNING", _id(request.get("cluster") or "default")
        arns = [
            task.arn
            for task in list(self._tasks.values())
            if task.desired == desired
            and task.cluster_name == cluster
            and request.get("family") in (None, task.family)
            and request.get("startedBy") in (None, task.started_by)
        ]
        return {"taskArns": arns}

    @handler("StopTask", expand=False)
    def stop_task(self, context: RequestContext, request):
        task = self._tasks.get(_id(request.get("task") or ""))
        if task is None:
            raise CommonServiceException("InvalidParameterException", "The referenced task was not found.")
        if task.desired != "STOPPED":
            task.stop(request.get("reason") or "Task stopped by user")
        return {"task": task.describe()}

    def _forget_old(self) -> None:
        oldest = datetime.now(UTC) - KEPT
        self._tasks = {i: t for i, t in self._tasks.items() if t.stopped is None or t.stopped > oldest}
        self._by_token = {k: v for k, v in self._by_token.items() if any(t.id in self._tasks for t in v[1])}


def _id(reference: str) -> str:
    """The last part of an ARN, or the name itself."""
    return reference.rsplit("/", 1)[-1]


def _look_up(context: RequestContext, request: dict):
    """The cluster and the task definition that a request means."""
    backend = ecs_backends[context.account_id][context.region]
    try:
        cluster = backend._get_cluster(_id(request.get("cluster") or "default"))
    except Exception:
        raise CommonServiceException("ClusterNotFoundException", "Cluster not found.") from None
    try:
        return cluster, backend.describe_task_definition(request["taskDefinition"])
    except Exception:
        raise CommonServiceException("ClientException", "Unable to find task definition.") from None


def _check(request: dict, definition) -> None:
    """What AWS refuses at once."""
    if (request.get("count") or 1) > MAX_TASKS_PER_CALL:
        raise CommonServiceException(
            "InvalidParameterException", f"Count must be at most {MAX_TASKS_PER_CALL} tasks per call."
        )
    if request.get("launchType") and request.get("capacityProviderStrategy"):
        raise CommonServiceException(
            "InvalidParameterException",
            "Specifying both a launch type and capacity provider strategy is not supported.",
        )
    names = {d["name"] for d in lower_keys(definition.container_definitions)}
    for override in (request.get("overrides") or {}).get("containerOverrides") or []:
        if override.get("name") not in names:
            raise CommonServiceException(
                "InvalidParameterException",
                f"Override for container named {override.get('name')} is not a container in the TaskDefinition.",
            )


def _ask_moto(self, context, request):
    raise NotImplementedError  # LocalStack's dispatcher then falls back to moto


_ours = {getattr(method, "operation", None) for method in vars(EcsProvider).values()}
for _operation in load_service("ecs").operation_names:
    if _operation not in _ours:
        _method = types.FunctionType(_ask_moto.__code__, globals(), _operation)
        setattr(EcsProvider, _operation, handler(_operation, expand=False)(_method))


@aws_provider(api="ecs")
def ecs() -> Service:
    from localstack.services.moto import MotoFallbackDispatcher

    return Service.for_provider(EcsProvider(), dispatch_table_factory=MotoFallbackDispatcher)
