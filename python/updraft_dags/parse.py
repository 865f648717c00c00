"""Reads one DAG file: executes it and says which DAGs it has made, as JSON.

The process is expected to be a fork that ends afterwards: what the file changes stays
changed. Time, memory and the environment are the caller's matter.
"""
from __future__ import annotations

import importlib
import os
import traceback
import warnings
from typing import Any, Optional

from updraft_dags import check, encode, errors, imports, mode, modules, names, scope
from updraft_runner import kept


def parse_file(path: str, dag_folder: str, options: Optional[dict[str, Any]] = None) -> Any:
    """What the file path (.py, or .zip with .py files in it) of dag_folder says:

    {"dags": [...], "error": {...} or None, "warnings": [...], "files": [...], "compat": 2 or 3}

    With an error there are no DAGs. options are: airflow_compat ("auto", "2", "3"), and
    installation settings that absent arguments fall back to, by their names in [core] and
    [scheduler]: max_active_tasks_per_dag, max_active_runs_per_dag, catchup_by_default,
    max_consecutive_failed_dag_runs_per_dag, create_cron_data_intervals,
    create_delta_data_intervals, plugins_folder.
    """
    path, dag_folder = os.path.abspath(path), os.path.abspath(dag_folder)
    imports.forget()
    here = mode.use(mode.Mode(options))
    scope.use(scope.Scope())
    scope.read_for(None, None)
    out = {"dags": [], "error": None, "warnings": [], "files": []}
    reading = modules.Reading(path, dag_folder, here.option("plugins_folder", None))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            out["dags"] = _dags(reading)
        except BaseException as error:  # a file may raise anything, sys.exit included
            out["error"] = describe(error, reading)
    out["warnings"] = _warnings(caught, path)
    out["files"] = reading.files()
    out["compat"] = here.meaning
    return out


def load(path: str, dag_folder: str, options: Optional[dict[str, Any]] = None) -> dict[str, Any]:
    """The DAGs of a file by id, as objects: for running what it defines."""
    mode.use(mode.Mode(options))
    scope.use(scope.Scope())
    plugins = mode.current().option("plugins_folder", None)
    reading = modules.Reading(os.path.abspath(path), os.path.abspath(dag_folder), plugins)
    with kept.opened():
        return {dag.dag_id: dag for _, dag in _found(reading.execute())}


def _found(executed: Any) -> list[Any]:
    """The DAGs at the top level of the modules, then those that registered themselves."""
    from updraft_dags.dag import DAG
    seen = {}
    for module in executed:
        for value in list(vars(module).values()):
            if isinstance(value, DAG):
                seen.setdefault(id(value), (module.__name__, value))
    last = executed[-1].__name__ if executed else ""
    for dag in scope.current().registered.values():
        seen.setdefault(id(dag), (last, dag))
    return list(seen.values())


def _dags(reading: Any) -> Any:
    found = {}
    for module, dag in _found(reading.execute()):
        found[dag.dag_id] = (module, dag)
    out = []
    for dag_id in sorted(found):
        module, dag = found[dag_id]
        try:
            check.check(dag)
            out.append(_encoded(dag, reading, module))
        except Exception as error:
            error.updraft_place = dag.place
            raise
    return out


def _encoded(dag: Any, reading: modules.Reading, module: str) -> dict[str, Any]:
    try:
        return encode.dag(dag, reading, module)
    except errors.AirflowException:
        raise
    except Exception as error:
        raise errors.SerializationError("Failed to serialize DAG %r: %s" % (dag.dag_id, _text(error))) from error


def describe(error: BaseException, reading: Any) -> dict[str, Any]:
    """An exception as {"type", "message", "file", "line", "traceback", "missing"}."""
    kind = type(error)
    name = _named(kind)
    file, line = _place(error, reading)
    message = _text(error)
    if isinstance(error, SyntaxError):
        message = str(error.msg or message)
        if isinstance(error.filename, str) and isinstance(error.lineno, int):
            file, line = error.filename, error.lineno
    if isinstance(error, SystemExit):
        message = "the file ended its process with sys.exit(%s): it must not call exit" % message
    missing = []
    if isinstance(error, ImportError):
        missing = _missing(reading)
    return {"type": name, "message": message, "file": file, "line": line, "missing": missing,
            "traceback": _traceback(error)}


def _text(error: BaseException) -> str:
    """What an exception says; its class may be the author's."""
    try:
        return str(error)
    except Exception:
        return "(its message cannot be shown)"


def _named(kind: type) -> str:
    """A class as tracebacks name it."""
    plain = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if plain else "%s.%s" % (kind.__module__, kind.__qualname__)


def _missing(reading: Any) -> list[Any]:
    try:
        found = imports.missing(reading.source(), reading.path)
        return [{key: one.get(key) or "" for key in ("name", "package", "instead")} for one in found]
    except (SyntaxError, ValueError, OSError):
        return []


def _place(error: BaseException, reading: Any) -> Any:
    """The innermost line of the file or of a module beside it."""
    place = getattr(error, "updraft_place", None) or (reading.path, 0)
    for frame, line in traceback.walk_tb(error.__traceback__):
        if reading.is_local(frame.f_code.co_filename):
            place = (frame.f_code.co_filename, line)
    return place


def _traceback(error: BaseException) -> Any:
    """As Python prints it, without our own frames at the outer end."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None and _ours(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, tb))
    except Exception:
        text = "".join(traceback.format_tb(tb))
    return text if len(text) < 64000 else text[:32000] + "\n...\n" + text[-32000:]


_HERE = os.path.dirname(os.path.abspath(__file__))


def _ours(filename: str) -> Any:
    return filename.startswith((_HERE, "<frozen importlib")) or "importlib" in filename


def _warnings(caught: Any, path: str) -> Any:
    out = []
    for one in caught:
        if one.filename == path:
            out.append({"category": _named(one.category), "message": str(one.message), "line": one.lineno})
    return out


def _prepare() -> None:
    """Does once, in the process that forks, what most files need.

    No module of `airflow` is imported: which ones a file imports says what it means.
    """
    imports.install()
    imports.install_standins()
    names.is_module("airflow", 2)
    names.homes()
    for name in _USED.split():
        importlib.import_module("updraft_dags." + name)
    for name in ("empty.EmptyOperator", "bash.BashOperator", "python.PythonOperator", "python.BranchPythonOperator"):
        getattr(importlib.import_module("updraft_dags.providers.classes"), "airflow.providers.standard.operators." + name)


_USED = ("asset_decorator assets callbacks check dag decorators edges groups mapping operator params rules sensor timetables "
         "works xcomarg")
_prepare()
