"""Rules of EventBridge, and schedules of EventBridge Scheduler.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import json
from datetime import UTC, datetime, timedelta

from conftest import ROLE, eventually, unique


def receive(client, url: str) -> list[dict]:
    return client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages") or []


def put_rule(events, name: str, expression: str, target: str) -> None:
    events.put_rule(Name=name, ScheduleExpression=expression)
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target}])


def test_schedule_and_rule_fire_once_a_minute_a_disabled_one_does_not(client, queue, arn_of):
    """In one test, since each would wait for the same minute."""
    scheduler, events = client("scheduler"), client("events")
    by_schedule, disabled, by_rule = queue(), queue(), queue()
    names = {url: unique("schedule") for url in (by_schedule, disabled)}
    for url, name in names.items():
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State="DISABLED" if url == disabled else "ENABLED",
            Target={"Arn": arn_of(url), "RoleArn": ROLE, "Input": json.dumps({"tick": 1})},
        )
    rule, later = unique("rule"), datetime.now(UTC) + timedelta(hours=12)
    put_rule(events, rule, "rate(1 minute)", arn_of(by_rule))
    # What is due in twelve hours is not due now, nor in the next minute, though only the hour tells it.
    put_rule(events, f"{rule}-later", f"cron(* {later.hour} * * ? *)", arn_of(disabled))
    try:
        (message,) = eventually("the schedule fires", 90, lambda: receive(client, by_schedule))
        assert json.loads(message["Body"]) == {"tick": 1}
        (message,) = eventually("the rule fires", 90, lambda: receive(client, by_rule))
        event = json.loads(message["Body"])
        assert event["detail-type"] == "Scheduled Event"
        assert datetime.fromisoformat(event["time"]).second < 10  # on the minute, not before
        assert not receive(client, by_rule)
        assert not receive(client, disabled)
    finally:
        for name in names.values():
            scheduler.delete_schedule(Name=name)
        for name in (rule, f"{rule}-later"):
            events.remove_targets(Rule=name, Ids=["1"])
            events.delete_rule(Name=name)


def test_deleted_schedule_leaves_no_rule(client, queue, arn_of):
    scheduler, name = client("scheduler"), unique("schedule")
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn_of(queue()), "RoleArn": ROLE},
    )
    assert rules(client, name)
    scheduler.delete_schedule(Name=name)
    assert not rules(client, name)


def rules(client, schedule: str) -> list[dict]:
    return client("events").list_rules(NamePrefix=f"updraft-schedule-default-{schedule}")["Rules"]
