"""SSH connections: what SSHOperator is told, and paramiko's client where that is installed."""
from __future__ import annotations

import getpass
import io
import os
from typing import Any, Optional

from updraft_runner.exceptions import AirflowException, AirflowOptionalProviderFeatureException
from updraft_runner.secrets import BaseHook

CMD_TIMEOUT = 10
# Fields of a hook with what they are when neither the author nor the connection says.
_FIELDS: dict[str, Any] = {
    "remote_host": "", "username": None, "password": None, "key_file": None, "port": None, "conn_timeout": 10,
    "cmd_timeout": CMD_TIMEOUT, "keepalive_interval": 30, "banner_timeout": 30.0, "disabled_algorithms": None,
    "ciphers": None, "host_proxy_cmd": None, "look_for_keys": True, "no_host_key_check": False,
    "allow_host_key_change": False, "host_key": None, "private_key": None, "private_key_passphrase": None, "compress": True,
}
_BOOLEANS = ("look_for_keys", "no_host_key_check", "allow_host_key_change", "compress")


class SSHHook(BaseHook):
    """Where and how to connect. The connection is read when something of it is asked for: in
    a task, not while the DAG file is read."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "ssh_conn_id", "ssh_default", "ssh", "SSH"

    def __init__(self, ssh_conn_id: Optional[str] = None, remote_host: str = "", username: Optional[str] = None,
                 password: Optional[str] = None, key_file: Optional[str] = None, port: Optional[int] = None,
                 conn_timeout: Optional[int] = None, cmd_timeout: Any = CMD_TIMEOUT, keepalive_interval: int = 30,
                 banner_timeout: float = 30.0, disabled_algorithms: Optional[dict[str, Any]] = None,
                 ciphers: Optional[list[str]] = None, auth_timeout: Optional[int] = None,
                 host_proxy_cmd: Optional[str] = None, timeout: Optional[int] = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        del auth_timeout  # banner_timeout bounds the login, too
        self.ssh_conn_id, self.client = ssh_conn_id, None
        given = {
            "remote_host": remote_host or None, "username": username, "password": password, "key_file": key_file, "port": port,
            "conn_timeout": conn_timeout or timeout, "disabled_algorithms": disabled_algorithms, "ciphers": ciphers,
            "host_proxy_cmd": host_proxy_cmd, "cmd_timeout": 0 if cmd_timeout is None else cmd_timeout,
            "keepalive_interval": keepalive_interval, "banner_timeout": banner_timeout,
        }
        self._given = {k: v for k, v in given.items() if v is not None and v != _FIELDS[k]}

    def __getattr__(self, name: str) -> Any:
        if name not in _FIELDS or "_given" not in self.__dict__:
            raise AttributeError("%r has no attribute %r" % (type(self).__name__, name))
        for key, value in {**_FIELDS, **self._of_connection(), **self._given}.items():
            self.__dict__.setdefault(key, value)
        if not self.__dict__["username"]:
            self.__dict__["username"] = getpass.getuser()
        self.__dict__["port"] = int(self.__dict__["port"] or 22)
        return self.__dict__[name]

    def _of_connection(self) -> dict[str, Any]:
        if not self.ssh_conn_id:
            return {}
        found = self.get_connection(self.ssh_conn_id)
        extra = {k: v for k, v in found.extra_dejson.items() if k in _FIELDS}
        for name in _BOOLEANS:
            if name in extra:
                extra[name] = str(extra[name]).lower() == "true"
        own = {"remote_host": found.host, "username": found.login, "password": found.password, "port": found.port}
        return {**extra, **{k: v for k, v in own.items() if v is not None}}

    def get_conn(self) -> Any:
        """A client of paramiko's, connected."""
        paramiko = _paramiko()
        if not self.remote_host:
            raise AirflowException("Missing required param: remote_host")
        client = paramiko.SSHClient()
        if not (self.no_host_key_check and self.allow_host_key_change):
            client.load_system_host_keys()
        if self.host_key:
            _pin(paramiko, client, self)
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy() if self.no_host_key_check else paramiko.RejectPolicy())
        client.connect(
            self.remote_host, port=self.port, username=self.username, password=(self.password or "").strip() or None,
            pkey=self._key(paramiko), key_filename=self.key_file and os.path.expanduser(self.key_file), timeout=self.conn_timeout,
            look_for_keys=self.look_for_keys, compress=self.compress, banner_timeout=self.banner_timeout,
            disabled_algorithms=self.disabled_algorithms, passphrase=self.private_key_passphrase,
            sock=paramiko.ProxyCommand(self.host_proxy_cmd) if self.host_proxy_cmd else None)
        if self.keepalive_interval:
            client.get_transport().set_keepalive(self.keepalive_interval)
        self.client = client
        return client

    def _key(self, paramiko: Any) -> Any:
        if not self.private_key:
            return None
        for kind in ("RSAKey", "ECDSAKey", "Ed25519Key"):
            try:
                return getattr(paramiko, kind).from_private_key(io.StringIO(self.private_key), password=self.private_key_passphrase)
            except (paramiko.SSHException, ValueError):
                continue
        raise AirflowException("the private_key of the connection %s cannot be read" % self.ssh_conn_id)

    def exec_ssh_client_command(self, ssh_client: Any, command: str, get_pty: bool, environment: Optional[dict[str, str]],
                                timeout: Any = CMD_TIMEOUT) -> tuple[int, bytes, bytes]:
        """Runs a command by a client: its exit code and what it wrote to both streams."""
        self.log.info("Running command: %s", command)
        _, out, err = ssh_client.exec_command(command, get_pty=get_pty, environment=environment, timeout=timeout)
        written, complaints = out.read(), err.read()
        for line in written.decode("utf-8", "replace").splitlines():
            self.log.info("%s", line)
        for line in complaints.decode("utf-8", "replace").splitlines():
            self.log.warning("%s", line)
        return out.channel.recv_exit_status(), written, complaints

    def get_tunnel(self, remote_port: int, remote_host: str = "localhost", local_port: Optional[int] = None) -> Any:
        """Refused: a tunnel is not a task's to keep open here."""
        del remote_port, remote_host, local_port
        raise AirflowOptionalProviderFeatureException(
            "SSHHook.get_tunnel is not supported: use the package sshtunnel with the attributes of this hook")

    def test_connection(self) -> tuple[bool, str]:
        """Whether the server lets us in."""
        try:
            with self.get_conn():
                return True, "Connection successfully tested"
        except Exception as error:
            return False, str(error)


def _pin(paramiko: Any, client: Any, hook: SSHHook) -> None:
    entry = hook.host_key if " " in hook.host_key.strip() else "ssh-rsa " + hook.host_key
    name = hook.remote_host if hook.port == 22 else "[%s]:%d" % (hook.remote_host, hook.port)
    key = paramiko.hostkeys.HostKeyEntry.from_line("%s %s" % (name, entry)).key
    client.get_host_keys().add(name, key.get_name(), key)


def _paramiko() -> Any:
    try:
        import paramiko
    except ImportError:
        raise AirflowOptionalProviderFeatureException(
            "SSHHook.get_conn needs paramiko: install it for the Python of the workers (pip install paramiko), or use SSHOperator, "
            "which needs no package") from None
    return paramiko


def described(hook: Any) -> dict[str, Any]:
    """What the author has said of a hook, for SSHOperator: the connection is read by Updraft."""
    if not isinstance(hook, SSHHook):
        raise TypeError("ssh_hook is a %s, not an SSHHook: use ssh_conn_id" % type(hook).__name__)
    said = {**hook._given, **{k: v for k, v in vars(hook).items() if k in _FIELDS}}
    return {"ssh_conn_id": hook.ssh_conn_id, **said}
