"""Shell commands."""
from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Any, Optional

from updraft_dags.operator import BaseOperator
from updraft_dags.providers.native import native
from updraft_dags.sensor import BaseSensorOperator
from updraft_runner.exceptions import AirflowException, AirflowFailException, AirflowSkipException

_STANDARD = "airflow.providers.standard."


def run(command: str, env: Optional[dict[str, str]], cwd: Optional[str], encoding: str, log: Any) -> tuple[int, str]:
    """Runs a command by bash; its exit code and the last line that it wrote."""
    last = ""
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=env, cwd=cwd) as process:
        for raw in process.stdout or ():
            last = raw.decode(encoding, "backslashreplace").rstrip()
            log.info("%s", last)
    return process.returncode, last


@native(_STANDARD + "operators.bash.BashOperator")
class BashOperator(BaseOperator):
    """Runs a command by bash; the last line of its output is the XCom."""

    ui_color = "#f0ede4"

    def _ready(self) -> None:
        codes = self.skip_on_exit_code
        self.skip_on_exit_code = [] if codes is None else [codes] if isinstance(codes, int) else list(codes)

    def get_env(self, context: Any) -> dict[str, str]:
        """The environment of the command."""
        del context
        given = {str(k): str(v) for k, v in (self.env or {}).items()}
        return dict(os.environ, **given) if self.env is None or self.append_env else given

    def execute(self, context: Any) -> Any:
        """Runs the command."""
        if self.cwd is not None and not os.path.isdir(self.cwd):
            raise AirflowException("Can not find the cwd: %s" % self.cwd)
        with tempfile.TemporaryDirectory(prefix="airflowtmp") as folder:
            code, last = run(self.bash_command, self.get_env(context), self.cwd or folder, self.output_encoding, self.log)
        if code in self.skip_on_exit_code:
            raise AirflowSkipException("Bash command returned exit code %d. Skipping." % code)
        if code:
            raise AirflowException("Bash command failed. The command returned a non-zero exit code %d." % code)
        return self.output_processor(last) if self.output_processor else last


@native(_STANDARD + "sensors.bash.BashSensor")
class BashSensor(BaseSensorOperator):
    """Waits until a command ends with 0."""

    def poke(self, context: Any) -> bool:
        """Whether the command ended with 0."""
        env = None if self.env is None else {str(k): str(v) for k, v in self.env.items()}
        code, _ = run(self.bash_command, env, None, self.output_encoding, self.log)
        if code and self.retry_exit_code is not None and code != self.retry_exit_code:
            raise AirflowFailException("Command exited with return code %d" % code)
        return code == 0
