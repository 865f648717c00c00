"""A memory limit without the kernel's help: a thread looks at what the processes have, and kills."""

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path

INTERVAL_SECONDS = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Between two looks a process may have more than it should."""

    def __init__(self, size: int):
        self._size, self._peak, self._killed = size, 0, False
        self._removed = threading.Event()

    def join(self) -> None:
        """There is nothing to join."""

    def started(self, process: subprocess.Popen) -> None:
        threading.Thread(target=self._look, args=(process,), daemon=True, name="updraft-memory").start()

    def peak(self) -> int:
        return self._peak

    def killed(self) -> bool:
        return self._killed

    def remove(self) -> None:
        self._removed.set()

    def _look(self, process: subprocess.Popen) -> None:
        while process.poll() is None and not self._removed.wait(INTERVAL_SECONDS):
            self._peak = max(self._peak, resident(process.pid))
            if self._peak > self._size:
                self._killed = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return


def resident(pid: int) -> int:
    """The bytes in memory of a process and what it has started; 0 once it has ended."""
    try:
        total = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        children = [c for f in Path(f"/proc/{pid}/task").glob("*/children") for c in f.read_text().split()]
    except OSError:
        return 0
    return total + sum(resident(int(child)) for child in children)
