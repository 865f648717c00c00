"""What LocalStack 4.14.0 lacks for Updraft's tests, and only for tests.

- functions: Lambda functions with the runtimes provided.* as plain processes.
- sqs_batches: several batches of one event source mapping at the same time.
- rules: rules of EventBridge that fire on their minute.
- schedules: schedules of EventBridge Scheduler that fire.
- ecs: tasks that run, as processes or local containers.
- dynamodb: DynamoDB Local as it is installed, on the loopback address only.

Each module says which rules of AWS it keeps, and which it does not.
"""
