"""All native classes by their import path.

Those with a body in Python are in the modules of this package; the others are
made here, at the first use. The attribute of a class is its path:
getattr(classes, "airflow.providers.standard.operators.empty.EmptyOperator").
"""
from __future__ import annotations

import importlib
from typing import Any

from updraft_dags import specs
from updraft_dags.operator import BaseOperator
from updraft_dags.providers import handover
from updraft_dags.providers.base import BaseBranchOperator
from updraft_dags.providers.native import native
from updraft_dags.sensor import BaseSensorOperator

# The beginning of a path -> the module that has a body for some of its classes.
_BODIES = {
    "airflow.providers.standard.operators.bash": "bash",
    "airflow.providers.standard.sensors.bash": "bash",
    "airflow.providers.standard.operators.python": "python",
    "airflow.providers.standard.sensors.python": "python",
    "airflow.providers.standard.operators.empty": "clock",
    "airflow.providers.standard.operators.trigger_dagrun": "dagrun",
    "airflow.providers.standard.operators.weekday": "clock",
    "airflow.providers.standard.operators.datetime": "clock",
    "airflow.providers.standard.sensors.weekday": "clock",
    "airflow.providers.standard.sensors.date_time": "clock",
    "airflow.providers.standard.sensors.time": "clock",
    "airflow.providers.standard.sensors.time_delta": "clock",
    "airflow.providers.standard.sensors.filesystem": "files",
    "airflow.providers.http.operators.http": "http",
    "airflow.providers.http.sensors.http": "http",
    "airflow.providers.common.sql.operators.sql": "sql",
    "airflow.providers.common.sql.sensors.sql": "sql",
    "airflow.providers.sqlite.operators.sqlite": "sql",
    "airflow.providers.postgres.operators.postgres": "sql",
    "airflow.providers.mysql.operators.mysql": "sql",
    "airflow.providers.docker.operators.docker": "docker",
    "airflow.providers.docker.decorators.docker": "docker",
    "airflow.providers.cncf.kubernetes.operators.pod": "kubernetes",
    "airflow.providers.cncf.kubernetes.decorators.kubernetes": "kubernetes",
    "airflow.providers.cncf.kubernetes.decorators.kubernetes_cmd": "kubernetes",
    "airflow.providers.smtp.operators.smtp": "email",
    "airflow.providers.ssh.operators.ssh": "ssh",
}


def __getattr__(path: str) -> Any:
    spec = specs.find(path)
    if spec is None:
        raise AttributeError("no operator %s" % path)
    if spec.path != path:
        return __getattr__(spec.path)
    module, _, name = path.rpartition(".")
    found = None
    if module in _BODIES:
        found = getattr(importlib.import_module("updraft_dags.providers." + _BODIES[module]), name, None)
    if found is None:
        found = _make(spec)
    globals()[path] = found
    return found


def _make(spec: specs.Spec) -> type:
    base = {"sensor": BaseSensorOperator, "branch": BaseBranchOperator}.get(spec.kind, BaseOperator)
    method = {"sensor": handover.poke, "branch": handover.choose_branch}.get(spec.kind, handover.execute)
    made = type(base)(spec.path.rpartition(".")[2], (base,), {"__doc__": "See docs/operators.md.", method.__name__: method})
    return native(spec.path)(made)
