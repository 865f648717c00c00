"""Commands."""
from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Any, NamedTuple, Optional

from updraft_runner.secrets import BaseHook


class SubprocessResult(NamedTuple):
    """How a command ended: its exit code and the last line it wrote."""

    exit_code: int
    output: str


class SubprocessHook(BaseHook):
    """Runs commands and logs what they write."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sub_process: Optional[subprocess.Popen[bytes]] = None

    def run_command(self, command: list[str], env: Optional[dict[str, str]] = None, output_encoding: str = "utf-8",
                    cwd: Optional[str] = None) -> SubprocessResult:
        """Runs it in cwd, or in a folder of its own."""
        last = ""
        with tempfile.TemporaryDirectory(prefix="airflowtmp") as folder:
            self.sub_process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                                cwd=cwd or folder, env=os.environ.copy() if env is None else env)
            with self.sub_process as process:
                for raw in process.stdout or ():
                    last = raw.decode(output_encoding, "backslashreplace").rstrip()
                    self.log.info("%s", last)
        return SubprocessResult(process.returncode, last)

    def send_sigterm(self) -> None:
        """Tells the command to end."""
        if self.sub_process is not None:
            self.sub_process.terminate()
