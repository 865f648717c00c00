"""Runs of other DAGs."""
from __future__ import annotations

import datetime as dt
import json
import time
from typing import Any

from updraft_dags import times
from updraft_dags.operator import BaseOperator
from updraft_dags.providers.native import native
from updraft_runner import session
from updraft_runner.exceptions import AirflowException, AirflowSkipException, DagRunAlreadyExists

# How many runs of a DAG may be asked for in the same microsecond.
_SAME_MOMENT = 10000


@native("airflow.providers.standard.operators.trigger_dagrun.TriggerDagRunOperator")
class TriggerDagRunOperator(BaseOperator):
    """Triggers a DAG; this body is for authors who extend it, as such it runs in Go."""

    ui_color = "#ffefeb"

    def execute(self, context: Any) -> None:
        """Makes the run, pushes its id, and waits for it if asked to."""
        run_id, exists = trigger(self.trigger_dag_id, self.trigger_run_id, self.conf, self.logical_date, self.note, _true(self.reset_dag_run))
        if exists:
            said = "DAG %s has the run %s already" % (self.trigger_dag_id, run_id)
            if _true(self.skip_when_already_exists):
                raise AirflowSkipException(said)
            raise DagRunAlreadyExists(said + ": set reset_dag_run to run it again, or skip_when_already_exists")
        self.log.info("Triggered the run %s of %s", run_id, self.trigger_dag_id)
        context["ti"].xcom_push(key="trigger_run_id", value=run_id)
        while _true(self.wait_for_completion) and not self._ended(run_id):
            time.sleep(self.poke_interval)

    def _ended(self, run_id: str) -> bool:
        state = session.current().ask("run_state", dag_id=self.trigger_dag_id, run_id=run_id)
        if state in (self.failed_states or ()):
            raise AirflowException("the run %s of %s is %s" % (run_id, self.trigger_dag_id, state))
        return state in (self.allowed_states or ("success",))


def trigger(dag_id: str, run_id: Any = None, conf: Any = None, logical_date: Any = None, note: Any = None,
            reset: bool = False) -> tuple[str, bool]:
    """Makes a run of a DAG: its id, and whether it was there before. Without a date it has
    the next moment that no other run has."""
    if isinstance(conf, str):
        conf = json.loads(conf)
    undated = logical_date is None and not run_id
    date = times.moment(dt.datetime.now(dt.timezone.utc) if logical_date is None else logical_date)
    made: dict[str, Any] = {}
    for _ in range(_SAME_MOMENT):
        asked = {"dag_id": dag_id, "run_id": run_id or "", "conf": conf, "logical_date": date.isoformat(), "note": note or "",
                 "reset": reset and not undated}
        made = session.current().ask("trigger", value=asked)
        if not made["exists"] or not undated:
            break
        date += dt.timedelta(microseconds=1)
    return made["run_id"] or run_id, made["exists"]


def trigger_dag(dag_id: str, run_id: Any = None, conf: Any = None, execution_date: Any = None, logical_date: Any = None,
                note: Any = None, **_: Any) -> None:
    """Triggers a DAG from a callable, as functions of 2.x did."""
    made, exists = trigger(dag_id, run_id, conf, logical_date or execution_date, note)
    if exists:
        raise DagRunAlreadyExists("DAG %s has the run %s already" % (dag_id, made))


def _true(value: Any) -> bool:
    return value.strip().lower() == "true" if isinstance(value, str) else bool(value)
