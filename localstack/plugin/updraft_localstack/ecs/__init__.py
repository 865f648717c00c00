"""A small ECS: clusters and task definitions are moto's, tasks run.

A task's containers are processes (the command that stands for their image) or local Docker
containers, which are never pulled.

AWS's rules that are kept, from https://docs.aws.amazon.com/AmazonECS/latest/APIReference/:
- RunTask: at most 10 tasks a call; overrides of command, environment, cpu and memory, of containers that
  exist; the same clientToken gives the same tasks, with other arguments a ConflictException; launch type
  or capacity provider, not both.
- an image that is not there stops the task: TaskFailedToStart, CannotPullContainerError.
- a task stops when an essential container has: EssentialContainerExited, with the exit codes; 137 and
  OutOfMemoryError when it took more than its memory.
- StopTask: SIGTERM, after stopTimeout (30 s) SIGKILL; UserInitiated.
- events "ECS Task State Change" with rising versions; stopped tasks stay visible for an hour.
- the log driver awslogs; the variables of the task's role are those of LocalStack.

Not kept: services, networking, secrets, volumes, health checks, container dependencies, the
metadata endpoint, the states between RUNNING and STOPPED, rules with ECS targets, lack of capacity.
"""
