"""Pods: the operator, the functions that @task.kubernetes sends to one, those that say what it runs, and secrets."""
from __future__ import annotations

import enum
from typing import Any, Optional

from updraft_dags.decorators import task
from updraft_dags.errors import Unsupported
from updraft_dags.operator import BaseOperator
from updraft_dags.providers import handover
from updraft_dags.providers.native import native
from updraft_dags.providers.script import check_function
from updraft_runner.exceptions import AirflowException

_KUBERNETES = "airflow.providers.cncf.kubernetes."
_REFUSED = ("callbacks", "progress_callback", "log_formatter")


class OnFinishAction(str, enum.Enum):
    """What becomes of a pod in the end."""

    KEEP_POD = "keep_pod"
    DELETE_POD = "delete_pod"
    DELETE_SUCCEEDED_POD = "delete_succeeded_pod"
    DELETE_ACTIVE_POD = "delete_active_pod"


def _complete(self: Any) -> None:
    """What the provider makes of arguments when an operator is made."""
    refused = [name for name in _REFUSED if getattr(self, name)]
    if refused:
        raise Unsupported(
            "%s of %s: wants Kubernetes' client for Python, which Updraft does not use: write on_success_callback and the like, or a "
            "task that follows" % (", ".join(refused), type(self).__name__))
    self.base_container_name = self.base_container_name or self.BASE_CONTAINER_NAME
    if self.is_delete_operator_pod is not None:
        self.on_finish_action = "delete_pod" if self.is_delete_operator_pod else "keep_pod"
        self.is_delete_operator_pod = None
    self.on_finish_action = OnFinishAction(self.on_finish_action).value
    if isinstance(self.env_vars, dict):
        from kubernetes.client import models as k8s
        self.env_vars = [k8s.V1EnvVar(name=name, value=value) for name, value in self.env_vars.items()]
    for name in ("env_vars", "env_from", "volumes", "volume_mounts", "ports", "secrets", "tolerations", "init_containers"):
        if getattr(self, name) is None:
            setattr(self, name, [])
    for name in ("labels", "annotations", "node_selector"):
        if getattr(self, name) is None:
            setattr(self, name, {})


@native(_KUBERNETES + "operators.pod.KubernetesPodOperator")
class KubernetesPodOperator(BaseOperator):
    """Runs a pod; what it leaves in /airflow/xcom/return.json is the XCom, if do_xcom_push says so."""

    BASE_CONTAINER_NAME = "base"

    execute = handover.execute
    _ready = _complete


@native(_KUBERNETES + "decorators.kubernetes._KubernetesDecoratedOperator")
class _KubernetesDecoratedOperator(BaseOperator):
    """Calls a function in a pod."""

    BASE_CONTAINER_NAME = "base"

    execute = handover.execute

    def _ready(self) -> None:
        check_function(self)
        self.name = self.name or "k8s-airflow-pod-" + self.python_callable.__name__
        _complete(self)


@native(_KUBERNETES + "decorators.kubernetes_cmd._KubernetesCmdDecoratedOperator")
class _KubernetesCmdDecoratedOperator(BaseOperator):
    """Runs the command that a function returns in a pod."""

    BASE_CONTAINER_NAME = "base"

    execute = handover.execute

    def _ready(self) -> None:
        if not callable(self.python_callable):
            raise TypeError("`python_callable` param must be callable")
        self.op_args = () if self.op_args is None else self.op_args
        self.op_kwargs = {} if self.op_kwargs is None else self.op_kwargs
        self.name = self.name or "k8s-airflow-pod-" + self.python_callable.__name__
        _complete(self)


def kubernetes_task(python_callable: Any = None, multiple_outputs: Any = None, **kwargs: Any) -> Any:
    """@task.kubernetes by its own name."""
    return task.kubernetes(python_callable, multiple_outputs, **kwargs)


def kubernetes_cmd_task(python_callable: Any = None, multiple_outputs: Any = None, **kwargs: Any) -> Any:
    """@task.kubernetes_cmd by its own name."""
    return task.kubernetes_cmd(python_callable, multiple_outputs, **kwargs)


class Secret:
    """A secret of the cluster for a container: an entry as a variable, all entries as variables, or files in a folder."""

    def __init__(self, deploy_type: str, deploy_target: Optional[str], secret: str, key: Optional[str] = None,
                 items: Optional[list[Any]] = None) -> None:
        if deploy_type not in ("env", "volume"):
            raise AirflowException("deploy_type must be env or volume")
        if key is not None and deploy_target is None:
            raise AirflowException("If `key` is set, `deploy_target` should not be None")
        self.deploy_type, self.deploy_target, self.secret, self.key, self.items = deploy_type, deploy_target, secret, key, items or []
        if deploy_type == "env" and deploy_target is not None:
            self.deploy_target = deploy_target.upper()

    def __updraft_value__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.deploy_type, self.deploy_target, self.secret, self.key))

    def __repr__(self) -> str:
        return "Secret(%s, %s, %s, %s)" % (self.deploy_type, self.deploy_target, self.secret, self.key)
