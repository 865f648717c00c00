"""Entry point: `python main.py zygote FD SHIM` or `python main.py attempt FD SHIM`.

Parsed by whatever interpreter the user names, so the syntax must stay that of
Python 2 until the version has been checked.
"""
from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Iterator

OLDEST = (3, 9)
TOO_OLD = 78


def paths(shim: Any) -> None:
    """Takes our folder off the front of sys.path and puts it at the end.

    User code must win over ours for any name; but for `airflow`, which is ours
    with shim "always", and with "auto" where Airflow is not installed.
    """
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    own = os.path.join(here, "updraft_runner")
    sys.path[:] = [p for p in sys.path if p and os.path.abspath(p) != own]
    sys.path.append(here)
    if shim != "never":
        from updraft_runner import shim as stand_in
        stand_in.install(always=shim == "always")


@contextlib.contextmanager
def compiled() -> Iterator[None]:
    """Keeps bytecode of what is imported meanwhile, which is ours: our folder is nobody
    else's, and to compile all of it takes longer than the rest of the start. What is said
    about the user's modules (PYTHONDONTWRITEBYTECODE) holds for these."""
    said, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        yield
    finally:
        sys.dont_write_bytecode = said


def main() -> None:
    if sys.version_info[:2] < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.stderr.write("updraft: Python %s is too old, 3.9 or newer is needed\n" % found)
        sys.stderr.flush()
        os._exit(TOO_OLD)
    role, fd, shim = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    sys.argv[:] = ["updraft"]
    with compiled():
        paths(shim)
        from updraft_runner import child, zygote
    if role == "zygote":
        zygote.main(fd, compiled)
    else:
        child.executed(fd)


if __name__ == "__main__":
    main()
