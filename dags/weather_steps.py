"""The Python steps of weather_data_pipeline."""

import json
import sqlite3
from contextlib import closing
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


def database(conn_id):
    """The file of an SQLite connection, whether it is given as JSON or as a URI."""
    connection = BaseHook.get_connection(conn_id)
    return "/".join(part for part in (connection.host, connection.schema) if part)


def store(ti, run_id):
    """Keep the row; keeping it again changes nothing."""
    row = ti.xcom_pull(task_ids="process")
    path = database("weather_db")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT OR REPLACE INTO weather VALUES (?, ?, ?, ?, ?)",
            (run_id, row["city"], row["at"], row["temperature_c"], row["mean_next_hours_c"]),
        )
    print(f"stored the weather of {row['city']} in {path}")
