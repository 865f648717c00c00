"""What arguments of DockerOperator are made of: dicts, as the engine's API has them."""
from __future__ import annotations

from typing import Any, Optional, Union

_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _size(given: Union[int, str]) -> int:
    """Bytes: a number, or a text such as 64m."""
    if not isinstance(given, str):
        return int(given)
    text = given.strip().lower()
    if text.endswith("b") and not text[:-1].isdigit():
        text = text[:-1]
    unit = _UNITS.get(text[-1:], 0)
    return int(float(text[:-1]) * unit) if unit else int(text)


class DriverConfig(dict):
    """The driver of a volume."""

    def __init__(self, name: str, options: Optional[dict[str, str]] = None) -> None:
        super().__init__({"Name": name, **({"Options": options} if options else {})})


class Mount(dict):
    """A volume, a folder of the engine's machine (bind), or memory (tmpfs), seen in a container."""

    def __init__(self, target: str, source: Optional[str], type: str = "volume", read_only: bool = False,
                 consistency: Optional[str] = None, propagation: Optional[str] = None, no_copy: bool = False,
                 labels: Optional[dict[str, str]] = None, driver_config: Optional[DriverConfig] = None,
                 tmpfs_size: Union[int, str, None] = None, tmpfs_mode: Optional[int] = None, subpath: Optional[str] = None) -> None:
        if type not in ("bind", "volume", "tmpfs", "npipe"):
            raise ValueError("Unsupported mount type: %r" % type)
        super().__init__({"Target": target, "Source": source, "Type": type, "ReadOnly": read_only})
        if consistency:
            self["Consistency"] = consistency
        if type == "bind":
            self._options("BindOptions", Propagation=propagation)
        elif type == "volume":
            self._options("VolumeOptions", NoCopy=no_copy or None, Labels=labels, DriverConfig=driver_config, Subpath=subpath)
        elif type == "tmpfs":
            self._options("TmpfsOptions", Mode=tmpfs_mode, SizeBytes=_size(tmpfs_size) if tmpfs_size else None)

    def _options(self, name: str, **given: Any) -> None:
        found = {k: v for k, v in given.items() if v is not None}
        if found:
            self[name] = found

    @classmethod
    def parse_mount_string(cls, string: str) -> "Mount":
        """The mount that source:target:mode means."""
        parts = string.split(":")
        if len(parts) > 3:
            raise ValueError("Invalid mount format %r" % string)
        if len(parts) == 1:
            return cls(parts[0], None)
        kind = "bind" if parts[0].startswith(("/", ".", "~")) else "volume"
        return cls(parts[1], parts[0], kind, read_only=len(parts) == 3 and parts[2] == "ro")


class Ulimit(dict):
    """A limit of a container's processes."""

    def __init__(self, **kwargs: Any) -> None:
        found = {k.lower(): v for k, v in kwargs.items()}
        super().__init__({"Name": found.get("name"), "Soft": found.get("soft"), "Hard": found.get("hard")})


class LogConfig(dict):
    """Where a container's output goes."""

    def __init__(self, **kwargs: Any) -> None:
        found = {k.lower(): v for k, v in kwargs.items()}
        super().__init__({"Type": found.get("type", "json-file"), "Config": found.get("config") or {}})


class DeviceRequest(dict):
    """GPUs and the like for a container."""

    def __init__(self, **kwargs: Any) -> None:
        given = {"Driver": "", "Count": 0, "DeviceIDs": [], "Capabilities": [], "Options": {}}
        short = {"driver": "Driver", "count": "Count", "device_ids": "DeviceIDs", "capabilities": "Capabilities", "options": "Options"}
        given.update({short.get(k, k): v for k, v in kwargs.items() if v is not None})
        super().__init__(given)
