"""Folders that connections name."""
from __future__ import annotations

from typing import Any

from updraft_runner.secrets import BaseHook


class FSHook(BaseHook):
    """The folder in the extra "path" of a connection."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "fs_conn_id", "fs_default", "fs", "File (path)"

    def __init__(self, fs_conn_id: str = "fs_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fs_conn_id = fs_conn_id
        self.basepath = self.get_connection(fs_conn_id).extra_dejson.get("path", "")

    def get_conn(self) -> None:
        """Nothing is opened."""

    def get_path(self) -> str:
        """The folder."""
        return self.basepath
