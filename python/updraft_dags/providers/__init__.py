"""The operators, sensors and hooks' users of Airflow's providers.

What an operator takes is read from operators.json (specs.py); the classes here
add what authors call or override in Python. Used as they are, all of them run
in Updraft itself and their Python bodies are not called.
"""
