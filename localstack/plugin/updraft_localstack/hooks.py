"""What is changed in LocalStack when it starts."""

from localstack.runtime import hooks

from updraft_localstack import dynamodb, rules, schedules, sqs_batches


@hooks.on_infra_start()
def start() -> None:
    """LocalStack logs an exception from here and goes on without what failed."""
    dynamodb.use_installed()
    sqs_batches.allow_parallel()
    rules.fire_on_the_minute()
    schedules.let_fire()
