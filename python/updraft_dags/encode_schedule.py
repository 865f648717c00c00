"""Schedules as the JSON of Go's dag.Schedule."""
from __future__ import annotations

import datetime
from typing import Any

from updraft_dags import assets, errors, mode, times, timetables, values
from updraft_runner.session import NOTSET

_KINDS = {
    timetables.NullTimetable: "none", timetables.OnceTimetable: "once", timetables.ContinuousTimetable: "continuous",
    timetables.PartitionedAtRuntime: "partitioned_at_runtime", timetables.CronDataIntervalTimetable: "cron_data_interval",
    timetables.CronTriggerTimetable: "cron_trigger", timetables.CronPartitionTimetable: "cron_partition",
    timetables.MultipleCronTriggerTimetable: "multiple_cron_trigger", timetables.DeltaDataIntervalTimetable: "delta_data_interval",
    timetables.DeltaTriggerTimetable: "delta_trigger", timetables.EventsTimetable: "events",
    timetables.AssetTriggeredTimetable: "assets", timetables.AssetOrTimeSchedule: "asset_or_time",
}


def schedule(value: Any, zone: Any) -> Any:
    """The schedule of a DAG in the time zone named zone."""
    here = mode.current()
    old = here.meaning == 2
    if value is NOTSET:
        value = datetime.timedelta(days=1) if old else None
    if value is None:
        return {"kind": "none"}
    if isinstance(value, str):
        return _text(value, zone, here.option("create_cron_data_intervals", old))
    if isinstance(value, datetime.timedelta) or type(value).__name__ == "relativedelta":
        kind = "delta_data_interval" if here.option("create_delta_data_intervals", old) else "delta_trigger"
        return {"kind": kind, "delta": delta(value)}
    if isinstance(value, assets.BaseAsset):
        return {"kind": "assets", "assets": condition(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return _assets(list(value))
    if isinstance(value, timetables.Timetable):
        return timetable(value)
    raise ValueError("%r is not a valid schedule" % (value,))


def _assets(found: Any) -> dict[str, Any]:
    if not all(isinstance(one, assets.BaseAsset) for one in found):
        raise ValueError("All elements in 'schedule' should be either assets, asset references, or asset aliases")
    if not found:
        return {"kind": "none"}
    return {"kind": "assets", "assets": condition(assets.AssetAll(*found))}


def _text(text: str, zone: Any, interval: Any) -> dict[str, Any]:
    if text in ("@once", "@continuous"):
        return {"kind": text[1:]}
    check_cron(text)
    return {"kind": "cron_data_interval" if interval else "cron_trigger", "cron": [text], "timezone": zone or "UTC"}


def check_cron(text: str) -> None:
    """Raises what Airflow raises for a cron text of another number of fields."""
    if not text.startswith("@") and not 5 <= len(text.split()) <= 7:
        raise errors.AirflowTimetableInvalid("Exactly 5, 6 or 7 columns has to be specified for iterator expression.")


def timetable(value: Any) -> Any:
    """A timetable object."""
    kind = _KINDS.get(type(value))
    if kind is None:
        raise errors.Unsupported(
            "the schedule is a timetable of your own, %s: use one of airflow.sdk's timetables (EventsTimetable takes a list "
            "of moments)" % type(value).__name__)
    out = {"kind": kind}
    for name in ("expression", "expressions"):
        if hasattr(value, name):
            crons = getattr(value, name)
            out["cron"] = [crons] if name == "expression" else list(crons)
            for one in out["cron"]:
                check_cron(one)
            out["timezone"] = _zone(value.timezone)
    if hasattr(value, "delta"):
        out["delta"] = delta(value.delta)
    if getattr(value, "interval", None):
        out["interval"] = delta(value.interval)
    _immediacy(out, getattr(value, "run_immediately", False))
    if kind == "cron_partition":
        out.update(run_offset=value.run_offset, key_format=value.key_format)
    if kind == "events":
        out["event_dates"] = [times.rfc3339(one) for one in value.event_dates]
        out.update(restrict_to_events=bool(value.restrict_to_events), presorted=bool(value.presorted),
                   description=value.description)
    if hasattr(value, "asset_condition"):
        out["assets"] = condition(value.asset_condition)
    if kind == "asset_or_time":
        out["time"] = timetable(value.timetable)
    return out


def _zone(zone: Any) -> Any:
    return zone if isinstance(zone, str) else times.zone_name(zone) or "UTC"


def _immediacy(out: dict[str, Any], value: Any) -> None:
    if value is None:
        out["run_immediately"] = "auto"
    elif isinstance(value, datetime.timedelta):
        out.update(run_immediately="within", run_immediately_within=times.nanoseconds(value))
    elif value:
        out["run_immediately"] = "always"


def delta(value: Any) -> dict[str, Any]:
    """A timedelta or relativedelta as Go's dag.Delta."""
    if isinstance(value, datetime.timedelta):
        return {"fixed": times.nanoseconds(value)}
    return {"relative": values.relativedelta(value)}


def condition(value: Any) -> dict[str, Any]:
    """A condition as Go's dag.AssetCondition."""
    if isinstance(value, (assets.AssetAll, assets.AssetAny)):
        return {"all" if isinstance(value, assets.AssetAll) else "any": [condition(one) for one in value.objects]}
    return {"asset": values.asset_ref(value)}
