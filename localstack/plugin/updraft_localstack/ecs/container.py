"""A container of a task: a process, or a local Docker container."""

import logging
import os
import shlex
import signal
import subprocess
import threading
from typing import Protocol

from localstack import config

from updraft_localstack import memory, processes, settings
from updraft_localstack.ecs.awslogs import LogStream

LOG = logging.getLogger(__name__)

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
MEGABYTE = 1024 * 1024
KILLED = 128 + signal.SIGKILL


class CannotStart(Exception):
    """Why a container does not start, as the task's stoppedReason tells it."""


class Runner(Protocol):
    """Where a container runs."""

    def start(self) -> subprocess.Popen:
        """The process whose output and end are the container's. Raises CannotStart."""

    def send(self, process: subprocess.Popen, sig: signal.Signals) -> None: ...

    def out_of_memory(self) -> bool:
        """Whether it ended for that, once it has ended."""

    def remove(self) -> None:
        """Once it has ended."""


class ProcessRunner:
    """The command that UPDRAFT_ECS_IMAGES names for the image, with the container's after it."""

    def __init__(self, name: str, definition: dict, command: list[str], env: dict[str, str], megabytes: int | None):
        image = definition["image"]
        self._image, self._program = image, settings.ecs_images().get(image)
        self._arguments = (definition.get("entryPoint") or []) + command
        self._env = {"PATH": os.environ["PATH"], **env}
        self._memory = memory.limit(name, megabytes * MEGABYTE) if megabytes else None

    def start(self) -> subprocess.Popen:
        if self._program is None:
            self.remove()
            raise CannotStart(f"CannotPullContainerError: no command for the image {self._image} in UPDRAFT_ECS_IMAGES")
        try:
            return processes.start(shlex.split(self._program) + self._arguments, self._env, self._memory)
        except OSError as e:
            self.remove()
            raise CannotStart(f"CannotStartContainerError: {e}") from e

    def send(self, process: subprocess.Popen, sig: signal.Signals) -> None:
        processes.send(process, sig)

    def out_of_memory(self) -> bool:
        return self._memory is not None and self._memory.killed()

    def remove(self) -> None:
        if self._memory:
            self._memory.remove()


class DockerRunner:
    """`docker run` of an image that is on this machine."""

    def __init__(self, name: str, definition: dict, command: list[str], env: dict[str, str], megabytes: int | None):
        self._name, self._image, self._env = name, definition["image"], env
        self._args = ["docker", "run", "--network", settings.ecs_network(), "--name", name, "--label", "updraft=task"]
        if megabytes:
            self._args += ["--memory", f"{megabytes}m", "--memory-swap", f"{megabytes}m"]
        for variable in env:
            self._args += ["--env", variable]  # its value is taken from our own environment
        entry = definition.get("entryPoint") or []
        if entry:
            self._args += ["--entrypoint", entry[0]]
        self._args += [self._image, *entry[1:], *command]

    def start(self) -> subprocess.Popen:
        if self._docker("image", "inspect", self._image).returncode:
            raise CannotStart(f"CannotPullContainerError: the image {self._image} is not on this machine")
        return processes.start(self._args, {"PATH": os.environ["PATH"], **self._env}, None)

    def send(self, process: subprocess.Popen, sig: signal.Signals) -> None:
        self._docker("kill", "--signal", str(int(sig)), self._name)

    def out_of_memory(self) -> bool:
        return self._docker("inspect", "--format", "{{.State.OOMKilled}}", self._name).stdout.strip() == b"true"

    def remove(self) -> None:
        self._docker("rm", "--force", self._name)

    def _docker(self, *args: str) -> subprocess.CompletedProcess:
        return subprocess.run(["docker", *args], capture_output=True, check=False)


class Container:
    """ended is set when it has stopped, or will never start."""

    def __init__(self, task_id: str, region: str, definition: dict, override: dict, megabytes: int | None):
        self.name, self.image = definition["name"], definition["image"]
        self.essential = definition.get("essential", True)
        self.stop_timeout = float(definition.get("stopTimeout") or 30)
        self.exit_code: int | None = None
        self.reason = ""
        self.ended = threading.Event()
        self._definition, self._task_id, self._region = definition, task_id, region
        self._process: subprocess.Popen | None = None
        command = override.get("command") or definition.get("command") or []
        limit = override.get("memory") or definition.get("memory") or megabytes
        runner = DockerRunner if settings.ecs_runner() == "docker" else ProcessRunner
        self._runner: Runner = runner(
            f"updraft-{task_id}-{self.name}", definition, command, self._environment(override), limit
        )

    @property
    def running(self) -> bool:
        return self._process is not None and not self.ended.is_set()

    @property
    def status(self) -> str:
        if self.ended.is_set():
            return "STOPPED"
        return "RUNNING" if self._process else "PENDING"

    def start(self) -> None:
        """Raises CannotStart."""
        try:
            log = LogStream(self._definition, self._task_id, self._region)
        except RuntimeError as e:
            raise CannotStart(str(e)) from e
        self._process = self._runner.start()
        threading.Thread(target=self._follow, args=(log,), daemon=True, name=f"updraft-{self.name}").start()

    def refuse(self, reason: str) -> None:
        """It will not start."""
        self.reason = reason
        self.ended.set()

    def send(self, sig: signal.Signals) -> None:
        if self.running:
            self._runner.send(self._process, sig)

    def _follow(self, log: LogStream) -> None:
        for line in self._process.stdout:
            log.add(line.decode(errors="replace").rstrip("\n"))
        code = self._process.wait()
        log.close()
        self.exit_code = 128 - code if code < 0 else code
        if self.exit_code == KILLED and self._runner.out_of_memory():
            self.reason = OUT_OF_MEMORY
        self._runner.remove()
        self.ended.set()

    def _environment(self, override: dict) -> dict[str, str]:
        own = {
            e["name"]: e["value"] for source in (self._definition, override) for e in source.get("environment") or []
        }
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ENDPOINT_URL": f"http://{settings.ecs_endpoint_host()}:{config.GATEWAY_LISTEN[0].port}",
            **own,
            **settings.extra_env(),
        }
