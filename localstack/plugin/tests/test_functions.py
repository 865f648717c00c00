"""Lambda's rules for single invocations.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import base64
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import eventually, unique


def error(answer: dict) -> tuple[str, str]:
    """The type and message of a failed invocation; the request's id, which differs, is left out."""
    assert answer["FunctionError"] == "Unhandled"
    payload = answer["Payload"]
    return payload["errorType"], re.sub(r"^RequestId: [0-9a-f-]{36} ", "", payload["errorMessage"])


def log(answer: dict) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


def test_answer_and_environment(function):
    answer = function(env={"OWN": "mine"}, timeout=20).invoke()
    assert "FunctionError" not in answer
    assert answer["Payload"]["own"] == "mine"
    assert answer["Payload"]["region"] == "us-east-1"
    assert 15 < answer["Payload"]["left"] <= 20  # the deadline comes from the function's timeout


def test_environment_is_used_again_one_invocation_at_a_time(function):
    target = function()
    assert target.invoke()["Payload"]["pid"] == target.invoke()["Payload"]["pid"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: target.invoke("sleep", 300), range(4)))
    assert len({a["Payload"]["pid"] for a in answers}) == 4


def test_log_has_start_end_and_report(function):
    target = function(memory=192)
    lines = log(target.invoke("log", 3)).splitlines()
    assert lines[0].startswith("START RequestId: ") and lines[0].endswith(" Version: $LATEST")
    assert lines[1:4] == [f"line {i} of a lot of output" for i in range(3)]
    assert lines[4].startswith("END RequestId: ")
    pattern = r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 192 MB\t"
    report = re.fullmatch(pattern + r"Max Memory Used: (\d+) MB", lines[5])
    assert report and 0 < int(report[1]) < 192


def test_output_that_fills_a_pipe_is_in_the_log_stream(function, client):
    target, logs = function(), client("logs")
    target.invoke("log", 5000)

    def last_line() -> bool:
        try:
            pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{target.name}"))
        except logs.exceptions.ResourceNotFoundException:
            return False  # it is made with the first lines
        return any("line 4999 " in e["message"] for page in pages for e in page["events"])

    eventually("the last line is in CloudWatch Logs", 20, last_line)


def test_function_error(function):
    assert error(function().invoke("error")) == ("errorString", "asked to fail")


def test_panic_is_reported_and_the_environment_reset(function):
    target = function()
    before = target.invoke()["Payload"]["pid"]
    assert target.invoke("panic")["Payload"]["errorMessage"] == "asked to panic"
    assert target.invoke()["Payload"]["pid"] != before


@pytest.mark.parametrize(
    ("do", "n", "message"),
    [
        ("exit", 3, "Error: Runtime exited with error: exit status 3"),
        ("exit", 0, "Error: Runtime exited without providing a reason"),
        ("kill", 0, "Error: Runtime exited with error: signal: killed"),
    ],
)
def test_end_of_the_process(function, do, n, message):
    target = function()
    answer = target.invoke(do, n)
    assert error(answer) == ("Runtime.ExitError", message)
    assert message in log(answer)
    assert "FunctionError" not in target.invoke()  # a new process


def test_timeout_kills(function):
    target = function(timeout=1)
    before = target.invoke()["Payload"]["pid"]
    began = time.monotonic()
    answer = target.invoke("sleep", 60_000)
    assert time.monotonic() - began < 5
    assert error(answer) == ("Sandbox.Timedout", "Error: Task timed out after 1.00 seconds")
    assert not Path(f"/proc/{before}").exists()
    assert target.invoke()["Payload"]["pid"] != before


def test_memory_kills(function):
    target = function(memory=128)
    assert "FunctionError" not in target.invoke("memory", 40)
    answer = target.invoke("memory", 600)
    assert error(answer) == ("Runtime.ExitError", "Error: Runtime exited with error: signal: killed")
    assert int(re.search(r"Max Memory Used: (\d+) MB", log(answer))[1]) >= 120
    assert "FunctionError" not in function(memory=1024).invoke("memory", 600)


def test_answer_above_six_megabytes_is_refused(function):
    target = function(memory=256)
    assert len(target.invoke("answer", 6 * 1024 * 1024 - 10)["Payload"]) == 6 * 1024 * 1024 - 10
    kind, message = error(target.invoke("answer", 6 * 1024 * 1024 + 200))
    assert kind == "Function.ResponseSizeTooLarge"
    assert "exceeded maximum allowed payload size" in message


def test_frozen_between_invocations(function):
    target = function()
    target.invoke("background")
    time.sleep(1.5)
    # It runs on for a moment after its answer; without freezing there would be 15.
    assert target.invoke("background")["Payload"] < 5


def test_initialisation_that_fails_is_reported_by_the_invocation(function):
    assert error(function(env={"INIT": "exit"}).invoke()) == (
        "Runtime.ExitError",
        "Error: Runtime exited with error: exit status 4",
    )


def test_initialisation_has_ten_seconds(function):
    target = function(env={"INIT": "hang"}, timeout=30)
    assert error(target.invoke()) == ("Sandbox.Timedout", "Error: Task timed out after 10.00 seconds")


def test_sigterm_only_with_an_extension(function, client, tmp_path):
    marker = tmp_path / "seen"
    target = function(env={"SIGTERM": str(marker)})
    target.invoke()
    client("lambda").update_function_configuration(FunctionName=target.name, MemorySize=256)
    eventually("the old process saw SIGTERM", 20, marker.exists)


def test_invocation_outlives_a_change_of_its_function(function, client):
    target = function()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(target.invoke, "sleep", 4000)
        time.sleep(1)
        client("lambda").update_function_configuration(FunctionName=target.name, MemorySize=256)
        new = eventually("an answer of the changed function", 10, lambda: target.invoke().get("Payload"))
        old = answer.result()
    assert "FunctionError" not in old
    assert old["Payload"]["pid"] != new["pid"]


def test_asynchronous_invocation_is_tried_three_times_then_sent_away(function, client, queue, arn_of, tmp_path):
    notes, failed = tmp_path / "notes", queue()
    target = function(env={"NOTES": str(notes)})
    client("lambda").put_function_event_invoke_config(
        FunctionName=target.name,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": arn_of(failed)}},
    )
    event = {"Records": [{"messageId": "1", "body": json.dumps({"do": "error"}), "attributes": {}}]}
    client("lambda").invoke(FunctionName=target.name, InvocationType="Event", Payload=json.dumps(event))

    def receive():
        return client("sqs").receive_message(QueueUrl=failed, WaitTimeSeconds=1).get("Messages")

    (message,) = eventually("the failure has its message", 30, receive)
    body = json.loads(message["Body"])
    assert body["requestContext"]["condition"] == "RetriesExhausted"
    assert body["requestContext"]["approximateInvokeCount"] == 3
    assert body["requestPayload"] == event
    assert len(notes.read_text().splitlines()) == 3


def test_reserved_concurrency_throttles(function, client):
    target, service = function(), client("lambda")
    service.put_function_concurrency(FunctionName=target.name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(target.invoke, "sleep", 2000)
        time.sleep(1)
        with pytest.raises(service.exceptions.TooManyRequestsException):
            target.invoke()
        assert "FunctionError" not in first.result()
    assert "FunctionError" not in target.invoke()


def test_wrapper_takes_the_place_of_another_runtime(function):
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper"""
    env = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap", "OWN": "mine"}
    target = function(Runtime="python3.13", Handler="x.y", env=env)
    assert target.invoke()["Payload"]["own"] == "mine"


def test_other_runtimes_fail_with_the_reason(function, client):
    target = function(Runtime="python3.13", Handler="x.y")
    state = client("lambda").get_function(FunctionName=target.name)["Configuration"]
    assert state["State"] == "Failed"
    assert "python3.13" in state["StateReason"]


def test_extra_environment_is_read_at_each_start(function, data):
    file = data / "extra-env.json"
    before = file.read_text()
    try:
        file.write_text(json.dumps({**json.loads(before), "EXTRA": unique("x")}))
        assert function().invoke()["Payload"]["extra"] == json.loads(file.read_text())["EXTRA"]
    finally:
        file.write_text(before)
    assert function().invoke()["Payload"]["extra"] == ""
