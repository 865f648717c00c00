"""What authors of Airflow's Python DAG files import, answered without Airflow.

This package holds the objects (DAG, operators, groups, XComArg, assets, ...), the reader
of one file (parse) and the writer of the JSON that Go's package dag reads (encode). It
does not hold the names under which Airflow offers them: that is the import table's.
"""
