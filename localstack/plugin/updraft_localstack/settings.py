"""The plugin's settings: environment variables of the LocalStack process."""

import json
import os
from pathlib import Path


def extra_env() -> dict[str, str]:
    """Variables that every function and every task gets; they win over those of the function.

    UPDRAFT_EXTRA_ENV names a JSON file. It is read whenever a process starts, so that a test
    can put a fault proxy, or another object store, between them and LocalStack.
    """
    return {name: str(value) for name, value in _json("UPDRAFT_EXTRA_ENV").items()}


def ecs_images() -> dict[str, str]:
    """The command that stands for an image where tasks are processes.

    UPDRAFT_ECS_IMAGES names a JSON file: {"image:tag": "/path/to/executable argument"}. It is read
    whenever a task starts.
    """
    return _json("UPDRAFT_ECS_IMAGES")


def ecs_runner() -> str:
    """How tasks run: UPDRAFT_ECS_RUNNER is "process" (default) or "docker"."""
    runner = os.environ.get("UPDRAFT_ECS_RUNNER") or "process"
    if runner not in ("process", "docker"):
        raise ValueError(f"UPDRAFT_ECS_RUNNER={runner}: it must be process or docker")
    return runner


def ecs_network() -> str:
    """The Docker network of tasks: UPDRAFT_ECS_NETWORK, by default the host's."""
    return os.environ.get("UPDRAFT_ECS_NETWORK") or "host"


def ecs_endpoint_host() -> str:
    """LocalStack's host name as tasks see it: UPDRAFT_ECS_ENDPOINT_HOST, by default this machine."""
    return os.environ.get("UPDRAFT_ECS_ENDPOINT_HOST") or "127.0.0.1"


def sqs_concurrency() -> int:
    """Batches at a time of a mapping without ScalingConfig: UPDRAFT_SQS_CONCURRENCY, 5 as AWS starts with."""
    return int(os.environ.get("UPDRAFT_SQS_CONCURRENCY") or 5)


def dynamodb_folder() -> Path | None:
    """The folder with DynamoDBLocal.jar: UPDRAFT_DYNAMODB_LOCAL; None lets LocalStack install its own."""
    return _path("UPDRAFT_DYNAMODB_LOCAL")


def dynamodb_classes() -> Path | None:
    """The folder with LoopbackServer.class: UPDRAFT_DYNAMODB_CLASSES; None leaves DynamoDB Local on all interfaces."""
    return _path("UPDRAFT_DYNAMODB_CLASSES")


def _path(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


def _json(variable: str) -> dict:
    path = _path(variable)
    return json.loads(path.read_text()) if path else {}
