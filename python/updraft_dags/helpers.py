"""airflow.utils: small functions that DAG files import."""
from __future__ import annotations

import datetime as dt
import functools
import importlib.util
import os
import random
import socket
import string
import subprocess
import warnings
import zipfile
from datetime import datetime, timedelta  # noqa: F401  as 2.x's airflow.utils.dates had them
from typing import Any, Callable, Iterable, Iterator, Optional

from updraft_runner import times
from updraft_runner.exceptions import AirflowException
from updraft_runner.session import NOTSET

cron_presets = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *", "@yearly": "0 0 1 1 *",
}
_UNITS = (("days", 86400), ("hours", 3600), ("minutes", 60))


def days_ago(n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> dt.datetime:
    """Midnight in UTC, n days ago (or the time given)."""
    today = dt.datetime.now(times.UTC).replace(hour=hour, minute=minute, second=second, microsecond=microsecond)
    return times.of(today - dt.timedelta(days=n))


def date_range(start_date: dt.datetime, end_date: Optional[dt.datetime] = None, num: Optional[int] = None,
               delta: Any = None) -> list[dt.datetime]:
    """The dates from start_date on, by delta (a timedelta)."""
    if not delta:
        return []
    if not isinstance(delta, dt.timedelta):
        raise AirflowException("date_range takes a timedelta as delta here; a cron text needs a schedule")
    found, end = [], end_date or dt.datetime.now(times.UTC)
    while (num is None and start_date <= end) or (num is not None and len(found) < abs(num)):
        found.append(start_date)
        start_date += delta if num is None or num > 0 else -delta
    return sorted(found)


def round_time(moment: dt.datetime, delta: dt.timedelta, start_date: Optional[dt.datetime] = None) -> dt.datetime:
    """The multiple of delta after start_date that is nearest."""
    start = start_date or dt.datetime.min.replace(tzinfo=moment.tzinfo)
    return start + delta * round((moment - start) / delta)


def infer_time_unit(time_seconds_arr: Iterable[float]) -> str:
    """The unit that suits most of the times."""
    found = list(time_seconds_arr)
    longest = max(found) if found else 0
    return "seconds" if longest <= 120 else "minutes" if longest <= 7200 else "hours" if longest <= 172800 else "days"


def scale_time_units(time_seconds_arr: Iterable[float], unit: str) -> list[float]:
    """Seconds in another unit."""
    return [x / dict(_UNITS).get(unit, 1) for x in time_seconds_arr]


def parse_execution_date(execution_date_str: str) -> dt.datetime:
    """The date and time of a text."""
    return times.parse(execution_date_str)


def apply_defaults(function: Callable[..., Any]) -> Callable[..., Any]:
    """Nothing: default_args reach every operator without it."""
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)
    return wrapper


def remove_task_decorator(python_source: str, task_decorator_name: str) -> str:
    """The source without the lines of a decorator."""
    import ast
    lines = python_source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(python_source)):
        for one in getattr(node, "decorator_list", ()):
            if ast.unparse(one).startswith(task_decorator_name.lstrip("@")):
                for number in range(one.lineno - 1, one.end_lineno or one.lineno):
                    lines[number] = ""
    return "".join(lines)


def chunks(items: list, chunk_size: int) -> Iterator[list]:
    """The list in pieces."""
    if chunk_size <= 0:
        raise ValueError("Chunk size must be a positive integer")
    for start in range(0, len(items), chunk_size):
        yield items[start:start + chunk_size]


def merge_dicts(dict1: dict, dict2: dict) -> dict:
    """A new dict of both, the second over the first, at every depth."""
    merged = dict(dict1)
    for key, value in dict2.items():
        both = key in merged and isinstance(merged[key], dict) and isinstance(value, dict)
        merged[key] = merge_dicts(merged[key], value) if both else value
    return merged


def partition(pred: Callable[[Any], bool], iterable: Iterable[Any]) -> tuple[Iterator[Any], Iterator[Any]]:
    """Those for which pred is false, and the others."""
    found = list(iterable)
    return (x for x in found if not pred(x)), (x for x in found if pred(x))


def as_flattened_list(iterable: Iterable[Iterable[Any]]) -> list:
    """The elements of the elements."""
    return [x for inner in iterable for x in inner]


def exactly_one(*args: Any) -> bool:
    """Whether one is true."""
    return sum(bool(a) for a in args) == 1


def at_most_one(*args: Any) -> bool:
    """Whether no two are given."""
    return sum(bool(a) and a is not NOTSET for a in args) <= 1


def prune_dict(val: Any, mode: str = "strict") -> Any:
    """Without what is None, or with mode "truthy" what is false, at every depth."""
    drop = (lambda x: x is None) if mode == "strict" else (lambda x: not x)
    if isinstance(val, dict):
        return {k: w for k, w in ((k, prune_dict(v, mode)) for k, v in val.items()) if not drop(w)}
    if isinstance(val, list):
        return [w for w in (prune_dict(v, mode) for v in val) if not drop(w)]
    return val


def validate_key(k: str, max_length: int = 250) -> None:
    """An error unless the text may be an id."""
    from updraft_dags import ids
    ids.check(k)
    if len(k) > max_length:
        raise AirflowException("The key has to be less than %d characters" % max_length)


def alchemy_to_dict(obj: Any) -> Optional[dict]:
    """The columns of an SQLAlchemy object."""
    return {c.name: getattr(obj, c.name) for c in obj.__table__.columns} if obj else None


def ask_yesno(question: str, default: Optional[bool] = None) -> bool:
    """A question at a terminal, which no task has."""
    del question, default
    raise AirflowException("nobody can be asked from here")


def render_template_to_string(template: Any, context: Any) -> str:
    """What a jinja2 template renders to."""
    return template.render(**dict(context))


render_template_as_native = render_template_to_string


def mkdirs(path: str, mode: int) -> None:
    """Makes a folder and those above it."""
    warnings.warn("use pathlib.Path.mkdir", DeprecationWarning, stacklevel=2)
    os.makedirs(path, mode, exist_ok=True)


def open_maybe_zipped(fileloc: str, mode: str = "r") -> Any:
    """The open file; its path may lead into a zip file."""
    head, found, inner = fileloc.partition(".zip" + os.sep)
    if found and zipfile.is_zipfile(head + ".zip"):
        import io
        return io.TextIOWrapper(zipfile.ZipFile(head + ".zip").open(inner))
    return open(fileloc, mode)


def get_hostname() -> str:
    """The name of this machine."""
    return socket.getfqdn()


def get_host_ip_address() -> str:
    """The address of this machine."""
    return socket.gethostbyname(get_hostname())


def get_python_source(x: Any) -> Optional[str]:
    """The source of a function or class."""
    import inspect
    try:
        return inspect.getsource(inspect.unwrap(x))
    except (OSError, TypeError):
        return "No source code available for %s" % type(x)


def to_boolean(astring: Optional[str]) -> bool:
    """Whether a text means yes."""
    return bool(astring) and str(astring).lower() in ("t", "true", "y", "yes", "1", "on")


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    """A random text; no secret."""
    return "".join(random.choices(choices, k=length))


def execute_in_subprocess(cmd: list[str], cwd: Optional[str] = None, env: Optional[dict] = None) -> None:
    """Runs a command; an error if it fails."""
    subprocess.run(cmd, cwd=cwd, env=env, check=True)


def is_venv_installed() -> bool:
    """Whether virtual environments can be made here."""
    return importlib.util.find_spec("venv") is not None


def import_string(dotted_path: str) -> Any:
    """What a dotted path names."""
    module, found, name = dotted_path.rpartition(".")
    if not found:
        raise ImportError("%s doesn't look like a module path" % dotted_path)
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError:
        raise ImportError('Module "%s" does not define a "%s" attribute/class' % (module, name)) from None


def qualname(o: Any, use_qualname: bool = False) -> str:
    """The dotted path of a class, a function or an object's class."""
    kind = o if callable(o) else type(o)
    return "%s.%s" % (kind.__module__, kind.__qualname__ if use_qualname else kind.__name__)


def check_cycle(dag: Any) -> None:
    """Nothing: a cycle is an error of the file anyway."""


def context_to_airflow_vars(context: Any, in_env_var_format: bool = False) -> dict[str, str]:
    """The ids of the context as variables."""
    run, task = context.get("dag_run"), context.get("task")
    found = {"dag_id": getattr(run, "dag_id", ""), "run_id": getattr(run, "run_id", ""), "task_id": getattr(task, "task_id", "")}
    prefix = "AIRFLOW_CTX_" if in_env_var_format else "airflow.ctx."
    return {prefix + (k.upper() if in_env_var_format else k): str(v) for k, v in found.items() if v}


def determine_kwargs(func: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """The keyword arguments that a function takes, of those there are."""
    from updraft_runner import calls
    return calls.arguments(func, list(args), {}, dict(kwargs))


def mask_secret(secret: Any, name: Optional[str] = None) -> None:
    """Nothing here: what connections and variables hold is masked in every log."""


def redact(value: Any, name: Optional[str] = None, max_depth: Optional[int] = None) -> Any:
    """The value: logs are masked as a whole."""
    del name, max_depth
    return value


def get_fernet() -> Any:
    """No key: Updraft keeps secrets by itself."""
    raise AirflowException("Updraft has no Fernet key: its store seals connections and variables itself")


def max_partition(*_: Any, **__: Any) -> Any:
    """Hive is not there."""
    raise AirflowException("the hive macros are not available: ask the metastore from a task")
