"""The weather pipeline, as a tutorial of Airflow 2 writes it: fetch over HTTP, process in Python,
keep in SQLite. It needs the connections weather_api and weather_db, which `make run` sets."""

import json
from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.python import PythonOperator
from airflow.providers.http.operators.http import SimpleHttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.sqlite.hooks.sqlite import SqliteHook
from airflow.providers.sqlite.operators.sqlite import SqliteOperator

default_args = {"owner": "airflow", "retries": 2, "retry_delay": timedelta(seconds=5)}


def process_weather(**context):
    """Reduces the service's answer to what is kept; the datetime goes through XCom as it is."""
    weather = context["ti"].xcom_pull(task_ids="fetch_weather")
    hours = weather["hourly"]["temperature_c"]
    processed = {
        "city": context["params"]["city"],
        "at": datetime.fromisoformat(weather["current"]["time"]),
        "temperature_c": weather["current"]["temperature_c"],
        "mean_next_hours_c": round(sum(hours) / len(hours), 2),
    }
    context["ti"].xcom_push(key="processed_weather", value=processed)
    print(f"{processed['city']}: {processed['temperature_c']} °C at {processed['at']:%H:%M}")
    return processed["at"] + timedelta(hours=len(hours))


def store_weather(ti, run_id, **kwargs):
    """Keeps the row; keeping it again changes nothing."""
    processed = ti.xcom_pull(task_ids="process_weather", key="processed_weather")
    hook = SqliteHook(sqlite_conn_id="weather_db")
    hook.run(
        "INSERT OR REPLACE INTO weather_python VALUES (?, ?, ?, ?, ?)",
        parameters=(run_id, processed["city"], processed["at"].isoformat(), processed["temperature_c"], processed["mean_next_hours_c"]),
    )
    return hook.get_first("SELECT temperature_c FROM weather_python WHERE run_id = ?", parameters=(run_id,))[0]


with DAG(
    "weather_data_pipeline_python",
    default_args=default_args,
    description="Fetch, process, store and check the weather",
    schedule_interval="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={"city": "Zurich"},
    tags=["example"],
) as dag:
    create_table = SqliteOperator(
        task_id="create_table",
        sqlite_conn_id="weather_db",
        sql="""
            CREATE TABLE IF NOT EXISTS weather_python (
                run_id TEXT PRIMARY KEY, city TEXT NOT NULL, at TEXT NOT NULL,
                temperature_c REAL NOT NULL, mean_next_hours_c REAL NOT NULL
            );
        """,
    )

    is_api_available = HttpSensor(
        task_id="is_api_available",
        http_conn_id="weather_api",
        endpoint="health",
        response_check=lambda response: response.status_code == 200,
        poke_interval=1,
        timeout=60,
    )

    fetch_weather = SimpleHttpOperator(
        task_id="fetch_weather",
        http_conn_id="weather_api",
        endpoint="v1/forecast",
        method="GET",
        data={"city": "{{ params.city }}"},
        response_check=lambda response: "hourly" in response.json(),
        response_filter=lambda response: json.loads(response.text),
        log_response=True,
    )

    process = PythonOperator(task_id="process_weather", python_callable=process_weather, provide_context=True)

    store = PythonOperator(task_id="store_weather", python_callable=store_weather)

    create_table >> is_api_available >> fetch_weather >> process >> store
