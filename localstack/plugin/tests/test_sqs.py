"""SQS event source mappings.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import json
import time
from pathlib import Path

import pytest
from conftest import eventually


@pytest.fixture
def consumer(function, queue, client, arn_of, tmp_path):
    """Connects a queue to a function that notes what it gets; returns the queue's URL and the notes."""
    service, mappings = client("lambda"), []

    def connect(attributes: dict[str, str] | None = None, batch: int = 10, **settings):
        notes = tmp_path / "notes"
        url, target = queue(**{"VisibilityTimeout": "3", **(attributes or {})}), function(env={"NOTES": str(notes)})
        mapping = service.create_event_source_mapping(
            FunctionName=target.name,
            EventSourceArn=arn_of(url),
            BatchSize=batch,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            **settings,
        )
        mappings.append(mapping["UUID"])
        return url, notes

    yield connect
    for uuid in mappings:
        service.delete_event_source_mapping(UUID=uuid)


def read(notes: Path) -> list[dict]:
    """What the function has noted, as dictionaries with the message's body decoded."""
    lines = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    return [{**line, "body": json.loads(line["body"])} for line in lines]


def send(client, url: str, *bodies: dict) -> None:
    for i in range(0, len(bodies), 10):
        entries = [{"Id": str(j), "MessageBody": json.dumps(b)} for j, b in enumerate(bodies[i : i + 10])]
        client("sqs").send_message_batch(QueueUrl=url, Entries=entries)


def left(client, url: str) -> int:
    """How many messages a queue has, hidden ones too."""
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    return sum(
        int(v) for v in client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()
    )


def test_messages_are_deleted_after_success(consumer, client):
    url, notes = consumer()
    send(client, url, *({"i": i} for i in range(5)))
    eventually("the queue is empty", 20, lambda: left(client, url) == 0)
    assert sorted(n["body"]["i"] for n in read(notes)) == list(range(5))


def test_batches_are_no_larger_than_asked(consumer, client):
    url, notes = consumer(batch=3)
    send(client, url, *({"i": i} for i in range(10)))
    eventually("ten messages have come", 20, lambda: len(read(notes)) == 10)
    assert max(n["batch"] for n in read(notes)) <= 3


def test_batches_run_side_by_side(consumer, client):
    url, notes = consumer({"VisibilityTimeout": "30"}, batch=1)
    send(client, url, *({"n": 1500} for _ in range(8)))
    seen = eventually("eight messages are done", 30, lambda: (got := read(notes)) and len(got) == 8 and got)
    assert 2 <= most_at_once(seen) <= 5  # the five that AWS starts with


def test_maximum_concurrency_is_kept(consumer, client):
    url, notes = consumer({"VisibilityTimeout": "30"}, batch=1, ScalingConfig={"MaximumConcurrency": 2})
    send(client, url, *({"n": 500} for _ in range(6)))
    seen = eventually("six messages are done", 30, lambda: (got := read(notes)) and len(got) == 6 and got)
    assert most_at_once(seen) == 2
    assert {n["received"] for n in seen} == {"1"}  # those that waited were not hidden meanwhile


def most_at_once(notes: list[dict]) -> int:
    """How many messages were worked on at the same time."""
    return max(sum(a["began"] <= b["began"] < a["ended"] for a in notes) for b in notes)


def test_partial_failure_comes_again_alone_and_ends_as_dead_letter(consumer, client, queue, arn_of):
    dead = queue()
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 2})
    url, notes = consumer({"RedrivePolicy": policy, "VisibilityTimeout": "2"})
    send(client, url, {"i": 0}, {"do": "poison"}, {"i": 1})

    def receive():
        return client("sqs").receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages")

    (message,) = eventually("the message is a dead letter", 30, receive)
    assert json.loads(message["Body"]) == {"do": "poison"}
    tries = [n for n in read(notes) if n["body"] == {"do": "poison"}]
    assert [n["received"] for n in tries] == ["1", "2"]
    assert tries[1]["began"] - tries[0]["began"] >= 1.9  # not before the visibility timeout
    assert sorted(n["body"]["i"] for n in read(notes) if "i" in n["body"]) == [0, 1]  # once each
    assert left(client, url) == 0


def test_failed_function_brings_the_whole_batch_again(consumer, client):
    url, notes = consumer({"VisibilityTimeout": "2"})
    send(client, url, {"do": "error"})
    eventually("it has come twice", 20, lambda: len(read(notes)) >= 2)
    assert left(client, url) == 1


def test_no_failures_may_be_null(consumer, client):
    url, notes = consumer()
    send(client, url, {"do": "null"})
    eventually("the queue is empty", 20, lambda: read(notes) and left(client, url) == 0)
    assert len(read(notes)) == 1


def test_delayed_message_is_not_early(consumer, client):
    url, notes = consumer()
    sent = time.time()
    client("sqs").send_message(QueueUrl=url, MessageBody="{}", DelaySeconds=3)
    (note,) = eventually("it has come", 20, lambda: read(notes))
    assert note["began"] - sent >= 2.9
