"""A parse process: one DAG file in, its DAGs as JSON out.

What the file may use (time, memory, environment) is decided before this runs; here it
is executed by the authoring package, and what it says is measured.
"""
from __future__ import annotations

import importlib
from typing import Any

from updraft_runner import frames

# Once, in the parent: a file then costs a fork and its own code.
_parse = importlib.import_module("updraft_dags.parse")


def answer(asked: Any) -> Any:
    """The result frame for {"file", "folder", "compat", "limit"}."""
    options = {"airflow_compat": str(asked.get("compat") or "auto")}
    body = frames.dumps(_parse.parse_file(asked["file"], asked["folder"], options))
    if len(body) > asked["limit"]:
        said = "the DAGs of the file take %d bytes, more than %d: split it" % (len(body), asked["limit"])
        body = frames.dumps({"error": {"type": "", "message": said}})
    return b'{"op":"result","outcome":"success","value":' + body + b"}"
