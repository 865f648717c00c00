"""Lambda functions as plain processes.

One execution environment is one process that runs the function's bootstrap and talks to a Runtime API
of its own. LocalStack decides how many there are: one per concurrent invocation, kept for
LAMBDA_KEEPALIVE_MS. Only the runtimes provided.*, from zip packages, and others if a wrapper script
among the code (AWS_LAMBDA_EXEC_WRAPPER) takes the runtime's place.

AWS's rules that are kept:
- https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: next, response, error, init error; the
  deadline; answers above 6 MB are refused.
- https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: ten seconds to
  initialise, an initialisation that failed is tried again with the invocation; a time-out and the
  end of the process reset the environment; between invocations it is frozen; SIGTERM before
  SIGKILL only if an extension has registered.
- memory above MemorySize ends the process, where cgroups can be written.

Not kept: layers, external extensions, response streaming, file system isolation, other users.
"""
