"""A stand-in for Airflow: what a running task imports, answered by Updraft.

Used only where Apache Airflow itself is not installed.
"""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
__version__ = "3.3.2"
__updraft__ = True
