"""Child processes in a session and a memory limit of their own."""

import contextlib
import os
import signal
import subprocess

from updraft_localstack.memory import MemoryLimit


def start(
    argv: list[str], env: dict[str, str], memory: MemoryLimit | None, folder: str | None = None
) -> subprocess.Popen:
    """Starts a process whose output (both streams) is read from its stdout.

    It leads a session, so that what it starts can be ended with it.
    """
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=memory.join if memory else None,
    )
    if memory:
        memory.started(process)
    return process


def send(process: subprocess.Popen, sig: signal.Signals) -> None:
    """Sends a signal to a process and what it started, if they are there still."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sig)


def end(process: subprocess.Popen, grace: float = 0.0) -> None:
    """Ends a process, and what it has started and left: SIGTERM first if it has a grace (seconds), then SIGKILL."""
    if grace:
        send(process, signal.SIGTERM)
        send(process, signal.SIGCONT)  # one that is frozen would not see it
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def exit_reason(code: int) -> str:
    """How Go, and so AWS's logs, tell an end: "exit status 3", "signal: killed"."""
    if code >= 0:
        return f"exit status {code}"
    text = signal.strsignal(-code) or f"signal {-code}"
    return f"signal: {text.lower()}"
