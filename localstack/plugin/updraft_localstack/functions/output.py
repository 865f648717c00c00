"""What a process prints, kept up to a limit."""

import array
import fcntl
import subprocess
import termios
import threading
import time

MAX_BYTES = 4 * 1024 * 1024
SETTLE_SECONDS = 0.2


class Output:
    """Reads a process's output as it comes, so that it never waits for a full pipe."""

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self._lock = threading.Lock()
        self._bytes = bytearray()
        self._dropped = 0
        self._reader = threading.Thread(target=self._read, daemon=True, name="updraft-function-output")
        self._reader.start()

    def position(self) -> int:
        """How many bytes have come so far."""
        with self._lock:
            return self._dropped + len(self._bytes)

    def since(self, position: int) -> str:
        """What came after a position, as far as it is still kept."""
        with self._lock:
            return bytes(self._bytes[max(0, position - self._dropped) :]).decode(errors="replace")

    def settle(self) -> None:
        """Waits until what was written before now has been read: an answer overtakes it."""
        unread, deadline = array.array("i", [0]), time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.ioctl(self._process.stdout, termios.FIONREAD, unread)
            except (ValueError, OSError):
                return
            time.sleep(0.001)  # also lets the reader put away what it has just read
            if unread[0] == 0:
                return

    def finish(self) -> None:
        """Waits for the end of the output of a process that has ended."""
        self._reader.join(1.0)

    def _read(self) -> None:
        while chunk := self._process.stdout.read1(65536):
            with self._lock:
                self._bytes += chunk
                if (extra := len(self._bytes) - MAX_BYTES) > 0:
                    del self._bytes[:extra]
                    self._dropped += extra
