"""What the tests share: clients of the started LocalStack, and functions that do as they are told."""

import io
import json
import os
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

ROLE = "arn:aws:iam::000000000000:role/test"


def eventually[T](what: str, seconds: float, probe: Callable[[], T]) -> T:
    """The first answer of probe that is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return found


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the started LocalStack, whose files of settings are read at each start of a process."""
    return Path(os.environ["UPDRAFT_TEST_DATA"])


@pytest.fixture(scope="session")
def program() -> Path:
    return Path(os.environ["UPDRAFT_TEST_FUNCTION"])


@pytest.fixture(scope="session")
def client() -> Callable[[str], object]:
    """One client of each service; none of them retries, or it would hide what is tested."""
    clients: dict[str, object] = {}

    def get(service: str):
        if service not in clients:
            config = boto3.session.Config(retries={"total_max_attempts": 1}, max_pool_connections=50, read_timeout=120)
            clients[service] = boto3.client(service, config=config)
        return clients[service]

    return get


@pytest.fixture(scope="session")
def package(program: Path) -> bytes:
    """The function's zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        archive.writestr(info, program.read_bytes(), compresslevel=1)
    return out.getvalue()


class Function:
    """A deployed function."""

    def __init__(self, client, name: str):
        self._client, self.name = client, name

    def invoke(self, do: str = "", n: int = 0, **arguments) -> dict:
        """The API's answer, with its payload and log decoded."""
        payload = json.dumps({"do": do, "n": n})
        answer = self._client.invoke(FunctionName=self.name, Payload=payload, LogType="Tail", **arguments)
        text = answer["Payload"].read()
        answer["Payload"] = json.loads(text) if text else None
        return answer


def state_of(service, name: str) -> str:
    return service.get_function(FunctionName=name)["Configuration"]["State"]


@pytest.fixture
def function(client, package: bytes) -> Iterator[Callable[..., Function]]:
    """Deploys a function with these settings."""
    service, names = client("lambda"), []

    def deploy(env: dict[str, str] | None = None, timeout: int = 10, memory: int = 128, **settings) -> Function:
        name = unique("function")
        arguments = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": {"ZipFile": package},
            "Environment": {"Variables": env or {}},
            **settings,
        }
        service.create_function(FunctionName=name, Role=ROLE, Timeout=timeout, MemorySize=memory, **arguments)
        state = eventually("the function is not pending", 20, lambda: (s := state_of(service, name)) != "Pending" and s)
        if state == "Active":  # LocalStack cannot delete one that is Failed
            names.append(name)
        return Function(service, name)

    yield deploy
    for name in names:
        service.delete_function(FunctionName=name)


@pytest.fixture
def queue(client) -> Iterator[Callable[..., str]]:
    """Makes a queue with these attributes and returns its URL."""
    sqs, urls = client("sqs"), []

    def make(**attributes: str) -> str:
        urls.append(sqs.create_queue(QueueName=unique("queue"), Attributes=attributes)["QueueUrl"])
        return urls[-1]

    yield make
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def arn_of(client) -> Callable[[str], str]:
    """The ARN of a queue's URL."""

    def get(url: str) -> str:
        return client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    return get
