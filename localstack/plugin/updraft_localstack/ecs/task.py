"""A task: its containers, its states and their events."""

import json
import logging
import signal
import threading
import time
import uuid
from datetime import UTC, datetime

from localstack.aws.connect import connect_to

from updraft_localstack.ecs.container import CannotStart, Container

LOG = logging.getLogger(__name__)


class Task:
    """Made PROVISIONING; run, in a thread of its own, takes it to STOPPED."""

    def __init__(self, account: str, region: str, cluster, definition, request: dict):
        self.id = uuid.uuid4().hex
        self.arn = f"arn:aws:ecs:{region}:{account}:task/{cluster.name}/{self.id}"
        self.cluster_name, self.family = cluster.name, definition.family
        self.started_by = request.get("startedBy")
        self.desired = "RUNNING"
        self.stopped: datetime | None = None
        self._account, self._region = account, region
        self._cluster_arn, self._definition, self._request = cluster.arn, definition, request
        self._status, self._version = "PROVISIONING", 1
        self._created, self._started = datetime.now(UTC), None
        self._stop_code = self._stop_reason = ""
        self._stop = threading.Event()
        self._lock = threading.Lock()  # guards the stop code: who stops first says why
        overrides = request.get("overrides") or {}
        by_name = {o.get("name"): o for o in overrides.get("containerOverrides") or []}
        memory = overrides.get("memory") or definition.memory
        self._containers = [
            Container(self.id, region, d, by_name.get(d["name"]) or {}, int(memory) if memory else None)
            for d in lower_keys(definition.container_definitions)
        ]

    def run(self) -> None:
        self._move("PENDING")
        try:
            for container in self._containers:
                container.start()
        except CannotStart as e:
            self._stop_because("TaskFailedToStart", str(e))
            for container in self._containers:
                if not container.running and not container.ended.is_set():
                    container.refuse(str(e))
        else:
            self._started = datetime.now(UTC)
            self._move("RUNNING")
            self._wait()
            self._stop_because("EssentialContainerExited", "Essential container in task exited")
        self._end_containers()
        self.stopped = datetime.now(UTC)
        self._move("STOPPED")

    def stop(self, reason: str) -> None:
        self._stop_because("UserInitiated", reason)

    def kill(self) -> None:
        """Without ceremony, when LocalStack ends."""
        for container in self._containers:
            container.send(signal.SIGKILL)

    def describe(self) -> dict:
        """As DescribeTasks and the events tell it."""
        provider = _capacity_provider(self._request)
        optional = {
            "startedBy": self.started_by,
            "startedAt": self._started,
            "stoppedAt": self.stopped,
            "stopCode": self._stop_code,
            "stoppedReason": self._stop_reason,
            "capacityProviderName": provider,
        }
        return {
            "taskArn": self.arn,
            "clusterArn": self._cluster_arn,
            "taskDefinitionArn": self._definition.arn,
            "lastStatus": self._status,
            "desiredStatus": self.desired,
            "launchType": self._request.get("launchType") or "FARGATE",
            "group": self._request.get("group") or f"family:{self.family}",
            "cpu": str((self._request.get("overrides") or {}).get("cpu") or self._definition.cpu or ""),
            "memory": str((self._request.get("overrides") or {}).get("memory") or self._definition.memory or ""),
            "createdAt": self._created,
            "containers": [self._describe_container(c) for c in self._containers],
            "overrides": self._request.get("overrides") or {},
            "version": self._version,
            "tags": self._request.get("tags") or [],
            **{name: value for name, value in optional.items() if value},
        }

    def _describe_container(self, container: Container) -> dict:
        out = {
            "containerArn": f"{self.arn.replace(':task/', ':container/')}/{container.name}",
            "taskArn": self.arn,
            "name": container.name,
            "image": container.image,
            "lastStatus": container.status,
        }
        if container.exit_code is not None:
            out["exitCode"] = container.exit_code
        if container.reason:
            out["reason"] = container.reason
        return out

    def _wait(self) -> None:
        """Until somebody stops it, an essential container has ended, or all have."""
        while not self._stop.wait(0.02):
            ended = [c for c in self._containers if c.ended.is_set()]
            if any(c.essential for c in ended) or len(ended) == len(self._containers):
                return

    def _stop_because(self, code: str, reason: str) -> None:
        with self._lock:
            if not self._stop_code:
                self._stop_code, self._stop_reason = code, reason
            self.desired = "STOPPED"
        self._stop.set()

    def _end_containers(self) -> None:
        """SIGTERM to all, SIGKILL to each when its time is over."""
        for container in self._containers:
            container.send(signal.SIGTERM)
        began = time.monotonic()
        for container in sorted(self._containers, key=lambda c: c.stop_timeout):
            container.ended.wait(max(0.0, began + container.stop_timeout - time.monotonic()))
            container.send(signal.SIGKILL)
            container.ended.wait()

    def _move(self, status: str) -> None:
        self._status, self._version = status, self._version + 1
        detail = json.dumps(self.describe(), default=lambda d: d.isoformat())
        entry = {
            "Source": "aws.ecs",
            "DetailType": "ECS Task State Change",
            "Resources": [self.arn],
            "Detail": detail,
        }
        try:
            connect_to(region_name=self._region, aws_access_key_id=self._account).events.put_events(Entries=[entry])
        except Exception as e:  # such as when LocalStack is ending; the task must not hang for it
            LOG.warning("no event says that task %s is %s: %s", self.id, status, e)


def lower_keys(value):
    """moto keeps what CloudFormation made with capital keys."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: lower_keys(v) for key, v in value.items()}
    return [lower_keys(v) for v in value] if isinstance(value, list) else value


def _capacity_provider(request: dict) -> str:
    """The one with the highest weight; AWS spreads many tasks over all of them."""
    strategy = request.get("capacityProviderStrategy") or []
    return max(strategy, key=lambda s: s.get("weight") or 0)["capacityProvider"] if strategy else ""
