"""LocalStack's plug point for running functions, filled with processes.

LAMBDA_RUNTIME_EXECUTOR=process chooses it.
"""

import contextlib
import json
import os
import shutil
import tempfile
import threading
import time

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from updraft_localstack import memory, settings
from updraft_localstack.functions.environment import Environment, FunctionError
from updraft_localstack.functions.runtime_api import Invocation

PATH = "/usr/local/bin:/usr/bin:/bin:/opt/bin"
MEGABYTE = 1024 * 1024
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
# Where AWS unpacks a function's code.
TASK_ROOT = "/var/task/"


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *args, **kwargs) -> type[RuntimeExecutor]:
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):
    """An execution environment as LocalStack sees it: it outlives the processes that fail in it."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        self._tmp = tempfile.mkdtemp(prefix="updraft-function-")
        self._code = tempfile.mkdtemp(prefix="updraft-code-")
        self._env: dict[str, str] = {}
        self._environment: Environment | None = None
        self._lock = threading.Lock()  # guards the following and _environment against stop
        self._stopped = False
        self._busy = False

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Raising makes the function's state Failed, with the message as its reason."""
        runtime = function_version.config.runtime or ""
        wrapper = (function_version.config.environment or {}).get(WRAPPER, "")
        if not runtime.startswith("provided") and not wrapper.startswith(TASK_ROOT):
            raise ValueError(
                f"functions as processes have the runtimes provided.*, or a wrapper in their code ({WRAPPER}), "
                f"not {runtime or 'images'}"
            )
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """LocalStack removes the unpacked code itself."""

    def start(self, env_vars: dict[str, str]) -> None:
        """Initialises the first process. If that fails, the invocation tries again and reports it."""
        # A copy of its own: LocalStack removes the code when the function is changed.
        unpacked = self.function_version.config.code.get_unzipped_code_location()
        shutil.copytree(unpacked, self._code, copy_function=_link, dirs_exist_ok=True)
        self._env = {
            "PATH": PATH,
            "LANG": "en_US.UTF-8",
            "TMPDIR": self._tmp,
            **{name: str(value) for name, value in env_vars.items() if value is not None},
            **settings.extra_env(),
            "LAMBDA_TASK_ROOT": self._code,
            "LAMBDA_RUNTIME_DIR": self._code,
        }
        with contextlib.suppress(FunctionError):
            self._begin()

    def stop(self) -> None:
        """What is under way when a function is changed or deleted ends as it was begun."""
        with self._lock:
            self._stopped = True
            busy = self._busy
        if not busy:
            self._end()

    def _end(self) -> None:
        if self._environment:
            self._environment.end()
        shutil.rmtree(self._tmp, ignore_errors=True)
        shutil.rmtree(self._code, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        with self._lock:
            self._busy = True
        try:
            return self._invoke(payload)
        finally:
            with self._lock:
                self._busy = False
                stopped = self._stopped
            if stopped:
                self._end()

    def _invoke(self, payload: dict[str, str]) -> InvocationResult:
        request_id, began = payload["invoke-id"], time.monotonic()
        invocation = Invocation(
            id=request_id,
            arn=payload["invoked-function-arn"],
            trace=payload.get("trace-id") or "",
            payload=payload["payload"].encode(),
        )
        timeout = float(self.function_version.config.timeout)
        environment, position, failure = self._environment, 0, ""
        try:
            if environment is None or not environment.alive:
                environment = self._begin()
            else:
                position = environment.output.position()
            environment.invoke(invocation, timeout)
        except FunctionError as e:
            environment = self._environment
            failure = f"RequestId: {request_id} {e}"
            invocation.body = _error_body(e, failure)
            invocation.is_error = True
        text = environment.output.since(position) if environment else ""
        logs = self._logs(request_id, text, failure, time.monotonic() - began)
        return InvocationResult(request_id, invocation.body, is_error=invocation.is_error, logs=logs)

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        return self._environment.output.since(0) if self._environment else ""

    def _begin(self) -> Environment:
        """A new process, ready for an event."""
        size = self.function_version.config.memory_size * MEGABYTE
        with self._lock:
            if self._stopped:
                raise FunctionError("Sandbox.Stopped", "Error: the execution environment was stopped")
            self._environment = Environment(self._program(), self._env, memory.limit(self.id, size))
        self._environment.init()
        return self._environment

    def _program(self) -> str:
        """The function's bootstrap; with another runtime the wrapper, which AWS runs in place of that runtime."""
        if (self.function_version.config.runtime or "").startswith("provided"):
            return os.path.join(self._code, "bootstrap")
        return os.path.join(self._code, self._env[WRAPPER].removeprefix(TASK_ROOT))

    def _logs(self, request_id: str, text: str, failure: str, seconds: float) -> str:
        """The lines that AWS puts around what a function prints."""
        version, size = self.function_version.id.qualifier, self.function_version.config.memory_size
        lines = [f"START RequestId: {request_id} Version: {version}"]
        if text.strip("\n"):
            lines.append(text.rstrip("\n"))
        if failure:
            lines.append(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {failure}")
        used = -(-self._environment.max_memory() // MEGABYTE) if self._environment else 0
        lines += [
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {seconds * 1000:.2f} ms"
            f"\tBilled Duration: {int(seconds * 1000) + 1} ms\tMemory Size: {size} MB\tMax Memory Used: {used} MB",
        ]
        return "\n".join(lines) + "\n"


def _link(source: str, target: str) -> None:
    """Copies a file, without its bytes where that can be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _error_body(error: FunctionError, message: str) -> bytes:
    """The payload of a failed invocation. What a runtime said of its initialisation is passed on."""
    if error.kind == "Runtime.InitError":
        return str(error).encode()
    return json.dumps({"errorType": error.kind, "errorMessage": message}).encode()
