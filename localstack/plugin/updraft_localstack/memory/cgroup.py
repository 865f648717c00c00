"""A memory limit that the kernel keeps, by cgroups of version 1 or 2."""

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class _Version:
    """What one version calls its folder and files, below the root."""

    base: str
    limit: str
    swap: str
    peak: str
    events: str


V1 = _Version(
    "memory/updraft",
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.oom_control",
)
V2 = _Version("updraft", "memory.max", "memory.swap.max", "memory.peak", "memory.events")


class Cgroup:
    """Raises OSError when it is made, if cgroups cannot be written here."""

    def __init__(self, name: str, size: int, root: Path = ROOT):
        self._files = V2 if (root / "cgroup.controllers").exists() else V1
        base = root / self._files.base
        base.mkdir(exist_ok=True)
        if self._files is V2:
            for parent in (root, base):
                (parent / "cgroup.subtree_control").write_text("+memory")
        self._folder = base / f"{name}-{time.monotonic_ns()}"
        self._folder.mkdir()
        (self._folder / self._files.limit).write_text(str(size))
        # Version 1 counts memory and swap together, version 2 swap alone.
        swap = self._folder / self._files.swap
        with contextlib.suppress(OSError):  # the kernel does not count swap
            swap.write_text("0" if self._files is V2 else str(size))

    def join(self) -> None:
        (self._folder / "cgroup.procs").write_text(str(os.getpid()))

    def started(self, process: subprocess.Popen) -> None:
        """The child has joined by itself."""

    def peak(self) -> int:
        try:
            return int((self._folder / self._files.peak).read_text())
        except FileNotFoundError:
            return 0  # version 2 has it since Linux 5.19

    def killed(self) -> bool:
        fields = dict(line.split() for line in (self._folder / self._files.events).read_text().splitlines())
        return int(fields.get("oom_kill", 0)) > 0

    def remove(self) -> None:
        # A process in it may be ending still; an empty cgroup costs nothing.
        with contextlib.suppress(OSError):
            self._folder.rmdir()
