"""Loads DAG files for the tests: each in a fork, as Updraft does."""
import json
import os
import shutil
import sys
import tempfile
import textwrap

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from updraft_dags import parse  # noqa: E402

START = "from datetime import datetime, time, timedelta\n"


def read(source, folder=None, name="d.py", **options):
    """What parse_file says of a file with this source, in a folder that may have others."""
    made = None
    if folder is None:
        folder = made = os.path.realpath(tempfile.mkdtemp())
    try:
        path = os.path.join(folder, name)
        if source is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(START + textwrap.dedent(source))
        return _forked(lambda: parse.parse_file(path, folder, options))
    finally:
        if made:
            shutil.rmtree(made)


def _forked(function):
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.close(out)
        with os.fdopen(into, "w") as file:
            json.dump(function(), file)
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def dags(source, **options):
    """The DAGs by id; the file must have no error."""
    found = read(source, **options)
    if found["error"]:
        raise AssertionError(found["error"]["traceback"])
    return {d["dag_id"]: d for d in found["dags"]}


def dag(source, **options):
    """The one DAG of a file."""
    (found,) = dags(source, **options).values()
    return found


def tasks(source, **options):
    """The tasks of the one DAG, by id."""
    return {t["task_id"]: t for t in dag(source, **options)["tasks"]}


def arrows(source, **options):
    """The arrows of the one DAG, as "a>b c>d"."""
    found = dag(source, **options)["tasks"]
    return " ".join(sorted("%s>%s" % (up, t["task_id"]) for t in found for up in t.get("upstream", ())))


def error(source, **options):
    """The error of a file as "Type: message"."""
    found = read(source, **options)["error"]
    if found is None:
        raise AssertionError("the file has no error")
    return "%s: %s" % (found["type"], found["message"])
