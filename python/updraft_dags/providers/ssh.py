"""Commands and files on other machines."""
from __future__ import annotations

from updraft_dags.hooks.ssh import SSHHook
from updraft_dags.operator import BaseOperator
from updraft_dags.providers import handover
from updraft_dags.providers.native import native


@native("airflow.providers.ssh.operators.ssh.SSHOperator")
class SSHOperator(BaseOperator):
    """Runs a command by SSH; what it writes is the XCom, in base64."""

    execute = handover.execute

    def _ready(self) -> None:
        # None is no bound, which is not the same as saying nothing.
        if self.cmd_timeout is None:
            self.cmd_timeout = 0

    @property
    def hook(self) -> SSHHook:
        """The hook, or one of the connection."""
        return self.ssh_hook or SSHHook(self.ssh_conn_id, self.remote_host or "", conn_timeout=self.conn_timeout,
                                        cmd_timeout=self.cmd_timeout, banner_timeout=self.banner_timeout)


class SFTPOperation:
    """What an SFTPOperator does."""

    PUT = "put"
    GET = "get"
    DELETE = "delete"
