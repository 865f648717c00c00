"""One execution environment: a process, its Runtime API, its memory and its output."""

import os
import signal
import threading
import time

from updraft_localstack import processes
from updraft_localstack.functions.output import Output
from updraft_localstack.functions.runtime_api import Invocation, RuntimeApi
from updraft_localstack.memory import MemoryLimit

INIT_SECONDS = 10.0
# What a runtime with an extension gets between SIGTERM and SIGKILL.
SHUTDOWN_SECONDS = 0.5


class FunctionError(Exception):
    """How an invocation failed without an answer of the function: AWS's error type, and its message."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


class Environment:
    """Starts when it is made; init must be called once, then invoke one at a time."""

    def __init__(self, program: str, env: dict[str, str], memory: MemoryLimit):
        """Runs the program in its folder. Raises FunctionError if it cannot be started."""
        self._api = RuntimeApi()
        self._memory = memory
        self._ended = threading.Lock()  # held while ending, so that only one does
        self._closed = False
        self._peak = 0
        try:
            env = {**env, "AWS_LAMBDA_RUNTIME_API": self._api.address}
            self._process = processes.start([program], env, memory, os.path.dirname(program))
        except OSError as e:
            self._api.close()
            memory.remove()
            raise FunctionError("Runtime.InvalidEntrypoint", f"Error: {e}") from e
        self.output = Output(self._process)

    @property
    def alive(self) -> bool:
        return not self._closed and self._process.poll() is None

    def init(self) -> None:
        """Waits until the runtime asks for an event. Raises FunctionError, and ends it, if it does not."""
        deadline = time.monotonic() + INIT_SECONDS
        while not self._api.waiting.wait(0.005):
            if self._api.init_error is not None:
                self.end()
                raise FunctionError("Runtime.InitError", self._api.init_error.decode(errors="replace"))
            if self._process.poll() is not None:
                raise self._exited()
            if time.monotonic() > deadline:
                self.end()
                raise FunctionError("Sandbox.Timedout", f"Error: Task timed out after {INIT_SECONDS:.2f} seconds")
        self._freeze()

    def invoke(self, invocation: Invocation, timeout: float) -> None:
        """Has the function answer. Raises FunctionError if it does not within timeout seconds, and ends it."""
        deadline = time.monotonic() + timeout
        invocation.deadline_ms = int((time.time() + timeout) * 1000)
        processes.send(self._process, signal.SIGCONT)
        self._api.hand_out(invocation)
        while not invocation.done.wait(0.02):
            if not self.alive and not invocation.done.wait(0.05):
                raise self._exited()
            if time.monotonic() > deadline:
                self._api.withdraw()
                self.end()
                raise FunctionError("Sandbox.Timedout", f"Error: Task timed out after {timeout:.2f} seconds")
        self.output.settle()
        # It is frozen when it has nothing more to do, as when it asks for the next event.
        if self._api.waiting.wait(0.5):
            self._freeze()

    def max_memory(self) -> int:
        """The most bytes that it has used so far."""
        return self._peak if self._closed else self._memory.peak()

    def end(self) -> None:
        """Ends the process and what belongs to it. May be called more than once, and while it is invoked."""
        with self._ended:
            if self._closed:
                return
            self._closed = True
            processes.end(self._process, SHUTDOWN_SECONDS if self._api.has_extension else 0)
            self._api.close()
            self.output.finish()
            self._peak = self._memory.peak()
            self._memory.remove()

    def _freeze(self) -> None:
        processes.send(self._process, signal.SIGSTOP)

    def _exited(self) -> FunctionError:
        code = self._process.wait()
        self.end()
        if code == 0:
            return FunctionError("Runtime.ExitError", "Error: Runtime exited without providing a reason")
        return FunctionError("Runtime.ExitError", f"Error: Runtime exited with error: {processes.exit_reason(code)}")
