"""Schedules of EventBridge Scheduler that fire.

LocalStack keeps them but never starts anything. Here each rate(...) and cron(...) schedule has a
shadow: a rule of EventBridge, which LocalStack fires, with the schedule's state, target and input.

AWS's rules that are kept: a disabled schedule does not fire; the target gets Input as it is; FIFO
queues get their message group. Not kept, and logged where asked for: at(...), other time zones than
UTC. Not kept in silence: start and end dates, flexible windows, retry policies.
"""

import logging

LOG = logging.getLogger(__name__)

TARGET = "1"
MAX_RULE_NAME = 64


def let_fire() -> None:
    import localstack.services.scheduler.provider  # noqa: F401  its own patches must come first
    from localstack.utils.patch import patch
    from moto.scheduler.models import EventBridgeSchedulerBackend

    @patch(EventBridgeSchedulerBackend.create_schedule)
    def create_schedule(fn, self, *args, **kwargs):
        schedule = fn(self, *args, **kwargs)
        _put_shadow(self, schedule)
        return schedule

    @patch(EventBridgeSchedulerBackend.update_schedule)
    def update_schedule(fn, self, *args, **kwargs):
        schedule = fn(self, *args, **kwargs)
        _put_shadow(self, schedule)
        return schedule

    @patch(EventBridgeSchedulerBackend.delete_schedule)
    def delete_schedule(fn, self, group_name, name):
        schedule = self.get_schedule(group_name, name)
        fn(self, group_name, name)
        _delete_shadow(self, schedule)


def _put_shadow(backend, schedule) -> None:
    expression, zone = schedule.schedule_expression, schedule.schedule_expression_timezone or "UTC"
    if expression.startswith("at("):
        LOG.warning("schedule %s never fires: at() is not supported here", schedule.name)
        return
    if zone != "UTC":
        LOG.warning("schedule %s fires in UTC, not in %s", schedule.name, zone)
    target = {"Id": TARGET, "Arn": schedule.target["Arn"]}
    if schedule.target.get("Input"):
        target["Input"] = schedule.target["Input"]
    if group := (schedule.target.get("SqsParameters") or {}).get("MessageGroupId"):
        target["SqsParameters"] = {"MessageGroupId": group}
    events, rule = _events(backend), _rule(schedule)
    events.put_rule(Name=rule, ScheduleExpression=expression, State=schedule.state or "ENABLED")
    events.put_targets(Rule=rule, Targets=[target])


def _delete_shadow(backend, schedule) -> None:
    events, rule = _events(backend), _rule(schedule)
    try:
        events.remove_targets(Rule=rule, Ids=[TARGET])
        events.delete_rule(Name=rule)
    except events.exceptions.ResourceNotFoundException:
        pass  # at(...) has none


def _rule(schedule) -> str:
    return f"updraft-schedule-{schedule.group_name}-{schedule.name}"[:MAX_RULE_NAME]


def _events(backend):
    from localstack.aws.connect import connect_to

    return connect_to(region_name=backend.region_name, aws_access_key_id=backend.account_id).events
