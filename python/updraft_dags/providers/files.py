"""Files."""
from __future__ import annotations

import glob
import os
from typing import Any

from updraft_dags.hooks.files import FSHook
from updraft_dags.providers.native import native
from updraft_dags.sensor import BaseSensorOperator


@native("airflow.providers.standard.sensors.filesystem.FileSensor")
class FileSensor(BaseSensorOperator):
    """Waits for a file, or for a file anywhere in a folder."""

    ui_color = "#91818a"

    @property
    def path(self) -> str:
        """The file, in the folder of the connection."""
        return os.path.join(FSHook(self.fs_conn_id).get_path(), self.filepath)

    def poke(self, context: Any) -> bool:
        """Whether it is there."""
        del context
        for path in glob.glob(self.path, recursive=self.recursive):
            if os.path.isfile(path):
                return True
            for _, _, files in os.walk(path):
                if files:
                    return True
        return False
