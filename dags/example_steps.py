"""The Python functions of the examples."""

import os

from airflow.exceptions import AirflowException, AirflowFailException


# example_mapping

def area(width, height, unit):
    """The area of a rectangle."""
    return f"{width * height} {unit}"


def cities():
    """What to map over: any list will do."""
    return ["Zurich", "Bern", "Geneva"]


def length(text):
    """One instance is called for each city."""
    return len(text)


def total(numbers):
    """All outputs of a mapped task are a list."""
    return sum(numbers)


def look_up(city):
    """What is known of one city."""
    return f"{city}, Switzerland"


# example_branch

def choose(params):
    """The id of the task to follow, or a list of ids."""
    return "many" if params["items"] > 10 else "few"


def is_large(items):
    """A rendered template is a text."""
    return int(items) > 10


# example_sensors

def exists(path):
    """A sensor is done when its function returns something true."""
    return os.path.exists(path)


# example_callbacks

def tell_success(context):
    """A callback gets the context."""
    print(f"{context['ti'].task_id} succeeded")


def tell_failure(context):
    """The context of a failure has the exception."""
    print(f"{context['ti'].task_id} failed: {context.get('exception')}")


# example_retries

def fail_once(ti):
    """Succeeds from the second try on."""
    if ti.try_number == 1:
        raise AirflowException("the first try always fails")


def fail_for_good():
    """Fails without another try."""
    raise AirflowFailException("another try would not help")


# example_params

def greet(params):
    """Params are part of the context."""
    for _ in range(params["times"]):
        print(f"Hello, {params['name']}")


# example_python

def show_templates(templates_dict):
    """templates_dict has been rendered."""
    print(f"on {templates_dict['day']} the area was {templates_dict['area']}")


def show_context(ti, ds, dag_run, **context):
    """Names of the context, and all the rest of it."""
    print(f"{ti.task_id}, try {ti.try_number}, run {dag_run.run_id} for {ds}")
    return sorted(context)


def push(ti):
    """What it returns is the XCom return_value; others have keys."""
    ti.xcom_push(key="colour", value="blue")
    return {"answer": 42}


def pull(ti):
    """XComs of another task."""
    answer = ti.xcom_pull(task_ids="push")["answer"]
    colour = ti.xcom_pull(task_ids="push", key="colour")
    if (answer, colour) != (42, "blue"):
        raise AirflowFailException(f"pulled {answer} and {colour}")


def statistics(numbers):
    """With multiple_outputs each key is an XCom."""
    return {"mean": sum(numbers) / len(numbers), "count": len(numbers)}


def show(value, title):
    """The values of other tasks come as arguments."""
    print(f"{title}: {value}")
