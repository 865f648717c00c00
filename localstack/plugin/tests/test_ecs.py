"""ECS tasks as processes.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

import fcntl
import json
import time

import pytest
from conftest import eventually, unique

SHELL = "updraft/test-shell:1"
SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


@pytest.fixture(scope="module")
def cluster(client, data):
    """A cluster, and an image that is a shell."""
    file = data / "images.json"
    with file.with_suffix(".json.lock").open("w") as lock:  # other tests add images, too
        fcntl.flock(lock, fcntl.LOCK_EX)
        new = file.with_suffix(".json.new")
        new.write_text(json.dumps({**json.loads(file.read_text()), SHELL: "/bin/sh -c"}))
        new.replace(file)
    name = unique("cluster")
    client("ecs").create_cluster(clusterName=name)
    yield name
    client("ecs").delete_cluster(cluster=name)


@pytest.fixture
def run(client, cluster):
    """Runs a shell command as a task and returns its ARN."""
    ecs = client("ecs")

    def start(
        *commands: str, definition: dict | None = None, overrides: dict | None = None, memory="512", **arguments
    ) -> str:
        containers = [
            {"name": f"c{i}", "image": SHELL, "essential": i == 0, "command": [c], **(definition or {})}
            for i, c in enumerate(commands)
        ]
        family = unique("family")
        ecs.register_task_definition(
            family=family, networkMode="awsvpc", cpu="256", memory=memory, containerDefinitions=containers
        )
        answer = ecs.run_task(
            cluster=cluster, taskDefinition=family, overrides=overrides or {}, networkConfiguration=SUBNETS, **arguments
        )
        assert answer["failures"] == []
        return answer["tasks"][0]["taskArn"]

    return start


@pytest.fixture
def describe(client, cluster):
    return lambda arn: client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]


@pytest.fixture
def stopped(describe):
    """Waits for the end of a task and returns it."""

    def wait(arn: str) -> dict:
        return eventually("the task has stopped", 20, lambda: (t := describe(arn))["lastStatus"] == "STOPPED" and t)

    return wait


def test_exit_codes(run, stopped):
    for code in (0, 3):
        task = stopped(run(f"exit {code}"))
        assert task["containers"][0]["exitCode"] == code
        assert task["stopCode"] == "EssentialContainerExited"
        assert task["startedAt"] <= task["stoppedAt"]


def test_overrides(run, stopped, describe, tmp_path):
    out = tmp_path / "out"
    arn = run(
        "exit 1",
        definition={"environment": [{"name": "A", "value": "defined"}, {"name": "B", "value": "defined"}]},
        overrides={
            "memory": "1024",
            "containerOverrides": [
                {
                    "name": "c0",
                    "command": [f'echo "$A $B $AWS_REGION" > {out}'],
                    "environment": [{"name": "B", "value": "overridden"}],
                }
            ],
        },
    )
    assert stopped(arn)["containers"][0]["exitCode"] == 0
    assert out.read_text() == "defined overridden us-east-1\n"
    assert describe(arn)["memory"] == "1024"


def test_override_of_an_unknown_container_is_refused(run, client):
    with pytest.raises(client("ecs").exceptions.InvalidParameterException, match="named other"):
        run("exit 0", overrides={"containerOverrides": [{"name": "other"}]})


def test_image_that_is_not_there(run, stopped):
    task = stopped(run("exit 0", definition={"image": "updraft/unknown:1"}))
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPullContainerError" in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]


def test_log_group_that_is_not_there(run, stopped):
    options = {"awslogs-group": unique("group"), "awslogs-region": "us-east-1", "awslogs-stream-prefix": "x"}
    task = stopped(run("exit 0", definition={"logConfiguration": {"logDriver": "awslogs", "options": options}}))
    assert task["stopCode"] == "TaskFailedToStart"
    assert "ResourceInitializationError" in task["stoppedReason"]


def test_logs(run, stopped, client):
    logs, group = client("logs"), unique("group")
    logs.create_log_group(logGroupName=group)
    options = {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "task"}
    arn = run("echo one; echo two >&2", definition={"logConfiguration": {"logDriver": "awslogs", "options": options}})
    stopped(arn)
    stream = f"task/c0/{arn.rsplit('/', 1)[1]}"
    events = logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    assert [e["message"] for e in events] == ["one", "two"]
    logs.delete_log_group(logGroupName=group)


def test_stop_by_user(run, stopped, describe, client, cluster):
    arn = run("sleep 60")
    eventually("it runs", 10, lambda: describe(arn)["lastStatus"] == "RUNNING")
    client("ecs").stop_task(cluster=cluster, task=arn, reason="not needed")
    assert describe(arn)["desiredStatus"] == "STOPPED"
    task = stopped(arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "not needed")
    assert task["containers"][0]["exitCode"] == 143  # 128 + SIGTERM


def test_stop_kills_what_ignores_it(run, stopped, describe, client, cluster, tmp_path):
    ready = tmp_path / "ready"
    arn = run(f"trap '' TERM; touch {ready}; while :; do sleep 0.1; done", definition={"stopTimeout": 2})
    eventually("it ignores signals", 10, ready.exists)
    began = time.monotonic()
    client("ecs").stop_task(cluster=cluster, task=arn)
    assert stopped(arn)["containers"][0]["exitCode"] == 137
    assert 1.9 < time.monotonic() - began < 8


def test_memory_kills(run, stopped):
    task = stopped(run("exec tail /dev/zero", memory="512"))  # tail keeps the last line, which never ends
    assert task["containers"][0]["exitCode"] == 137
    assert task["containers"][0]["reason"].startswith("OutOfMemoryError")


def test_essential_container_ends_the_others(run, stopped):
    task = stopped(run("sleep 0.2; exit 5", "sleep 60"))
    assert [c["exitCode"] for c in task["containers"]] == [5, 143]


def test_other_containers_may_end(run, stopped):
    task = stopped(run("sleep 0.5", "exit 7"))
    assert [c["exitCode"] for c in task["containers"]] == [0, 7]
    assert task["stopCode"] == "EssentialContainerExited"


def test_same_token_same_task(run, client, cluster):
    ecs, token, family = client("ecs"), unique("token"), unique("family")
    container = {"name": "c0", "image": SHELL, "command": ["exit 0"]}
    ecs.register_task_definition(family=family, cpu="256", memory="512", containerDefinitions=[container])
    start = {"cluster": cluster, "taskDefinition": family, "clientToken": token}
    first, again = ecs.run_task(**start), ecs.run_task(**start)
    assert [t["taskArn"] for t in first["tasks"]] == [t["taskArn"] for t in again["tasks"]]
    with pytest.raises(ecs.exceptions.ConflictException):
        ecs.run_task(**start, startedBy="somebody else")


def test_what_run_task_refuses(run, client, cluster):
    ecs = client("ecs")
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="at most 10"):
        run("exit 0", count=11)
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="launch type"):
        run("exit 0", launchType="FARGATE", capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}])
    with pytest.raises(ecs.exceptions.ClusterNotFoundException):
        ecs.run_task(cluster=unique("none"), taskDefinition="x")
    with pytest.raises(ecs.exceptions.ClientException, match="task definition"):
        ecs.run_task(cluster=cluster, taskDefinition=unique("none"))


def test_many_tasks_at_once_spot_and_listed(client, cluster):
    ecs, family = client("ecs"), unique("family")
    container = {"name": "c0", "image": SHELL, "command": ["sleep 0.5"]}
    ecs.register_task_definition(family=family, cpu="256", memory="512", containerDefinitions=[container])
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 2}, {"capacityProvider": "FARGATE", "weight": 1}]
    tasks = ecs.run_task(
        cluster=cluster, taskDefinition=family, count=10, capacityProviderStrategy=strategy, startedBy=family
    )["tasks"]
    assert {t["capacityProviderName"] for t in tasks} == {"FARGATE_SPOT"}
    arns = {t["taskArn"] for t in tasks}
    listed = {"cluster": cluster, "startedBy": family}
    assert set(ecs.list_tasks(**listed)["taskArns"]) == arns
    eventually(
        "all have stopped", 20, lambda: set(ecs.list_tasks(**listed, desiredStatus="STOPPED")["taskArns"]) == arns
    )
    answer = ecs.describe_tasks(cluster=cluster, tasks=[*arns, "unknown"])
    assert len(answer["tasks"]) == 10
    assert answer["failures"] == [{"arn": "unknown", "reason": "MISSING"}]


def test_state_change_events(run, stopped, client, queue, arn_of, cluster):
    events, rule, url = client("events"), unique("rule"), queue()
    pattern = {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {"clusterArn": [{"suffix": f"/{cluster}"}]},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn_of(url)}])
    task = stopped(run("exit 3"))
    seen: list[dict] = []

    def receive() -> bool:
        for message in (
            client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages") or []
        ):
            detail = json.loads(message["Body"])["detail"]
            if detail["taskArn"] == task["taskArn"]:
                seen.append(detail)
        return len(seen) >= 3

    eventually("three events", 20, receive)
    seen.sort(key=lambda d: d["version"])
    assert [d["lastStatus"] for d in seen] == ["PENDING", "RUNNING", "STOPPED"]
    assert seen[-1]["containers"][0]["exitCode"] == 3
    events.remove_targets(Rule=rule, Ids=["1"])
    events.delete_rule(Name=rule)


def test_cloudformation(client, cluster):
    service, stack = client("cloudformation"), unique("stack")

    def template(command: str) -> str:
        container = {"Name": "main", "Image": SHELL, "Command": [command]}
        definition = {"Cpu": "256", "Memory": "512", "Family": stack, "ContainerDefinitions": [container]}
        resources = {
            "Cluster": {"Type": "AWS::ECS::Cluster"},
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        }
        outputs = {"Cluster": {"Value": {"Ref": "Cluster"}}, "Task": {"Value": {"Ref": "Task"}}}
        return json.dumps({"Resources": resources, "Outputs": outputs})

    def outputs() -> dict[str, str]:
        return {
            o["OutputKey"]: o["OutputValue"] for o in service.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        }

    service.create_stack(StackName=stack, TemplateBody=template("exit 4"))
    service.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    made = outputs()
    assert made["Task"].endswith(f"task-definition/{stack}:1")
    ecs = client("ecs")
    assert ecs.describe_clusters(clusters=[made["Cluster"]])["clusters"][0]["status"] == "ACTIVE"
    service.update_stack(StackName=stack, TemplateBody=template("exit 5"))
    service.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    revision = ecs.describe_task_definition(taskDefinition=outputs()["Task"])["taskDefinition"]
    assert (revision["revision"], revision["containerDefinitions"][0]["command"]) == (2, ["exit 5"])
    service.delete_stack(StackName=stack)
    service.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
