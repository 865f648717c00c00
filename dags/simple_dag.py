"""The smallest useful DAG, as a tutorial of Airflow 2 writes it: simple_dag.yaml says the same."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash_operator import BashOperator

default_args = {
    "owner": "airflow",
    "depends_on_past": False,
    "email_on_failure": False,
    "email_on_retry": False,
    "retries": 1,
    "retry_delay": timedelta(seconds=5),
}

dag = DAG(
    "simple_dag_python",
    default_args=default_args,
    description="Print the date, wait, print a message",
    schedule_interval="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    tags=["example"],
)

print_date = BashOperator(task_id="print_date", bash_command="date", dag=dag)

sleep = BashOperator(task_id="sleep", bash_command="sleep 1", dag=dag)

templated_command = """
{% for i in range(3) %}
    echo "{{ ds }} + {{ i }} days is {{ macros.ds_add(ds, i) }}"
{% endfor %}
echo "Hello from {{ dag.dag_id }}, run {{ run_id }}"
"""

print_message = BashOperator(task_id="print_message", bash_command=templated_command, dag=dag)

print_date >> sleep >> print_message
