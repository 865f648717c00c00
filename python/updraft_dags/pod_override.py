"""executor_config as Airflow 1.10 had it for Kubernetes, {"KubernetesExecutor": {...}}: it becomes a pod_override."""
from __future__ import annotations

from typing import Any

LEGACY = "KubernetesExecutor"

# Where the API has what the old dict has: of the pod, of its spec, of the base container.
_METADATA = {"namespace": "namespace", "name": "name", "labels": "labels", "annotations": "annotations"}
_SPEC = {
    "node_selectors": "nodeSelector", "affinity": "affinity", "tolerations": "tolerations", "volumes": "volumes",
    "service_account_name": "serviceAccountName", "image_pull_secrets": "imagePullSecrets", "init_containers": "initContainers",
    "security_context": "securityContext", "hostnetwork": "hostNetwork", "dnspolicy": "dnsPolicy", "schedulername": "schedulerName",
    "priority_class_name": "priorityClassName",
}
_CONTAINER = {"image": "image", "image_pull_policy": "imagePullPolicy", "volume_mounts": "volumeMounts", "ports": "ports", "resources": "resources"}
_RESOURCES = {
    "request_memory": ("requests", "memory"), "request_cpu": ("requests", "cpu"), "request_ephemeral_storage": ("requests", "ephemeral-storage"),
    "limit_memory": ("limits", "memory"), "limit_cpu": ("limits", "cpu"), "limit_ephemeral_storage": ("limits", "ephemeral-storage"),
    "limit_gpu": ("limits", "nvidia.com/gpu"),
}


def modern(config: dict[str, Any]) -> dict[str, Any]:
    """The executor_config with a pod_override in the place of an old dict. Raises ValueError for what it cannot say."""
    if LEGACY not in config:
        return config
    if "pod_override" in config:
        raise ValueError("executor_config has %s and pod_override: remove the former, whose fields pod_override can have" % LEGACY)
    old = config[LEGACY] or {}
    if not isinstance(old, dict):
        raise ValueError("executor_config: %s is %r: use pod_override with a kubernetes.client.models.V1Pod" % (LEGACY, old))
    rest = {key: value for key, value in config.items() if key != LEGACY}
    return {**rest, "pod_override": _pod(old)}


def _pod(old: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    container: dict[str, Any] = {"name": "base"}
    spec: dict[str, Any] = {"containers": [container]}
    for key, value in old.items():
        for names, into in ((_METADATA, metadata), (_SPEC, spec), (_CONTAINER, container)):
            if key in names:
                if value:
                    into[names[key]] = value
                break
        else:
            _special(key, value, container)
    return {"metadata": metadata, "spec": spec} if metadata else {"spec": spec}


def _special(key: str, value: Any, container: dict[str, Any]) -> None:
    if key in _RESOURCES:
        group, name = _RESOURCES[key]
        if value is not None:
            container.setdefault("resources", {}).setdefault(group, {})[name] = str(value)
    elif key == "envs":
        container["env"] = [{"name": name, "value": str(one)} for name, one in (value or {}).items()]
    elif key == "configmaps":
        container["envFrom"] = [{"configMapRef": {"name": name}} for name in value or ()]
    else:
        raise ValueError("executor_config: %s cannot say %r: use pod_override with a kubernetes.client.models.V1Pod" % (LEGACY, key))
