"""Memory limits: by cgroups where they can be written, else by a thread that looks.

AWS kills a function, and a Fargate task, that takes more memory than it has; there is no swap.
"""

import logging
import subprocess
from typing import Protocol

from updraft_localstack.memory.cgroup import Cgroup
from updraft_localstack.memory.watch import Watch

LOG = logging.getLogger(__name__)


class MemoryLimit(Protocol):
    """Holds one process, and what it starts, to a number of bytes."""

    def join(self) -> None:
        """Called in the child between fork and exec."""

    def started(self, process: subprocess.Popen) -> None:
        """Called in the parent once the process runs."""

    def peak(self) -> int:
        """The most bytes that were used; 0 if it is not known."""

    def killed(self) -> bool:
        """Whether a process was killed for its memory."""

    def remove(self) -> None:
        """Called once the process has ended."""


def limit(name: str, size: int) -> MemoryLimit:
    """A limit of size bytes. Without cgroups (no root, or a container that hides them) it is watched."""
    try:
        return Cgroup(name, size)
    except OSError as e:
        LOG.debug("memory is watched, since no cgroup can be made: %s", e)
        return Watch(size)
