"""Parts of pods as Airflow 1.10 spelled them: each is written as Kubernetes' API has it."""
from __future__ import annotations

from typing import Any, Optional


class Volume:
    """A volume: its name, and the rest as the API has it."""

    def __init__(self, name: str, configs: dict[str, Any]) -> None:
        self.name, self.configs = name, configs

    def __updraft_value__(self) -> dict[str, Any]:
        return {"name": self.name, **self.configs}


class VolumeMount:
    """Where a container sees a volume."""

    def __init__(self, name: str, mount_path: str, sub_path: Optional[str], read_only: bool) -> None:
        self.name, self.mount_path, self.sub_path, self.read_only = name, mount_path, sub_path, read_only

    def __updraft_value__(self) -> dict[str, Any]:
        found = {"name": self.name, "mountPath": self.mount_path, "subPath": self.sub_path, "readOnly": self.read_only}
        return {name: value for name, value in found.items() if value}


class Port:
    """A port of a container."""

    def __init__(self, name: Optional[str] = None, container_port: Optional[int] = None) -> None:
        self.name, self.container_port = name, container_port

    def __updraft_value__(self) -> dict[str, Any]:
        return {"name": self.name, "containerPort": self.container_port}


class Resources:
    """What a container requests, and its limits."""

    def __init__(self, request_memory: Any = None, request_cpu: Any = None, request_ephemeral_storage: Any = None, limit_memory: Any = None,
                 limit_cpu: Any = None, limit_gpu: Any = None, limit_ephemeral_storage: Any = None) -> None:
        self.request_memory, self.request_cpu, self.request_ephemeral_storage = request_memory, request_cpu, request_ephemeral_storage
        self.limit_memory, self.limit_cpu, self.limit_gpu = limit_memory, limit_cpu, limit_gpu
        self.limit_ephemeral_storage = limit_ephemeral_storage

    def __updraft_value__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


class PodRuntimeInfoEnv:
    """A variable with a fact of the pod."""

    def __init__(self, name: str, field_path: str) -> None:
        self.name, self.field_path = name, field_path

    def __updraft_value__(self) -> dict[str, Any]:
        return {"name": self.name, "valueFrom": {"fieldRef": {"fieldPath": self.field_path}}}
