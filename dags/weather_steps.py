"""The Python steps of weather_data_pipeline."""

import json
import sqlite3
from datetime import datetime

from airflow.sdk import BaseHook


def process(ti, params):
    """Reduce the service's answer to what is kept."""
    answer = json.loads(ti.xcom_pull(task_ids="fetch"))
    hours = answer["hourly"]["temperature_c"]
    row = {
        "city": params["city"],
        "at": datetime.fromisoformat(answer["current"]["time"]).isoformat(),
        "temperature_c": answer["current"]["temperature_c"],
        "mean_next_hours_c": round(sum(hours) / len(hours), 2),
    }
    print(f"{row['city']}: {row['temperature_c']} °C now, {row['mean_next_hours_c']} °C in the next {len(hours)} hours")
    return row


def store(ti, run_id):
    """Keep the row; keeping it again changes nothing."""
    row = ti.xcom_pull(task_ids="process")
    path = BaseHook.get_connection("weather_db").host or ""
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT OR REPLACE INTO weather VALUES (?, ?, ?, ?, ?)",
            (run_id, row["city"], row["at"], row["temperature_c"], row["mean_next_hours_c"]),
        )
    print(f"stored the weather of {row['city']} in {path}")
