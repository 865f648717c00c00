"""AWS::ECS::Cluster and AWS::ECS::TaskDefinition for LocalStack's CloudFormation.

A task definition cannot be changed: a new revision takes its place, and the old one is deregistered.
"""

import localstack.services.cloudformation.provider_utils as util
from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)

# Their keys are names that the author chose.
KEPT_KEYS = ("Options", "DockerLabels")


class ClusterProvider(ResourceProvider[dict]):
    TYPE = "AWS::ECS::Cluster"
    SCHEMA = {
        "typeName": TYPE,
        "primaryIdentifier": ["/properties/ClusterName"],
        "createOnlyProperties": ["/properties/ClusterName"],
    }

    def create(self, request: ResourceRequest[dict]) -> ProgressEvent[dict]:
        model = request.desired_state
        model.setdefault("ClusterName", util.generate_default_name(request.stack_name, request.logical_resource_id))
        arguments = _api_keys({k: v for k, v in model.items() if k in ("ClusterName", "CapacityProviders")})
        model["Arn"] = request.aws_client_factory.ecs.create_cluster(**arguments)["cluster"]["clusterArn"]
        return _done(model)

    def update(self, request: ResourceRequest[dict]) -> ProgressEvent[dict]:
        return _done({**request.previous_state, **request.desired_state})

    def delete(self, request: ResourceRequest[dict]) -> ProgressEvent[dict]:
        request.aws_client_factory.ecs.delete_cluster(cluster=request.desired_state["ClusterName"])
        return _done({})


class TaskDefinitionProvider(ResourceProvider[dict]):
    TYPE = "AWS::ECS::TaskDefinition"
    SCHEMA = {"typeName": TYPE, "primaryIdentifier": ["/properties/TaskDefinitionArn"]}

    def create(self, request: ResourceRequest[dict]) -> ProgressEvent[dict]:
        model = request.desired_state
        model.setdefault("Family", util.generate_default_name(request.stack_name, request.logical_resource_id))
        arguments = _api_keys({k: v for k, v in model.items() if k not in ("TaskDefinitionArn", "Tags")})
        answer = request.aws_client_factory.ecs.register_task_definition(**arguments)
        model["TaskDefinitionArn"] = answer["taskDefinition"]["taskDefinitionArn"]
        return _done(model)

    def update(self, request: ResourceRequest[dict]) -> ProgressEvent[dict]:
        old = request.previous_state.get("TaskDefinitionArn")
        event = self.create(request)
        if old:
            request.aws_client_factory.ecs.deregister_task_definition(taskDefinition=old)
        return event

    def delete(self, request: ResourceRequest[dict]) -> ProgressEvent[dict]:
        arn = request.desired_state["TaskDefinitionArn"]
        request.aws_client_factory.ecs.deregister_task_definition(taskDefinition=arn)
        return _done({})


class ClusterPlugin(CloudFormationResourceProviderPlugin):
    name = ClusterProvider.TYPE

    def __init__(self) -> None:
        self.factory: type[ResourceProvider] | None = None

    def load(self) -> None:
        self.factory = ClusterProvider


class TaskDefinitionPlugin(CloudFormationResourceProviderPlugin):
    name = TaskDefinitionProvider.TYPE

    def __init__(self) -> None:
        self.factory: type[ResourceProvider] | None = None

    def load(self) -> None:
        self.factory = TaskDefinitionProvider


def _done(model: dict) -> ProgressEvent[dict]:
    return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)


def _api_keys(value):
    """CloudFormation's names with a capital are the API's with a small letter."""
    if isinstance(value, dict):
        return {k[:1].lower() + k[1:]: (v if k in KEPT_KEYS else _api_keys(v)) for k, v in value.items()}
    return [_api_keys(v) for v in value] if isinstance(value, list) else value
