"""Callables, contexts, dates, reports."""
import datetime as dt
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from updraft_runner import calls, context, exceptions, frames, report, secrets, signatures, times  # noqa: E402


class Arguments(unittest.TestCase):
    CONTEXT = {"ds": "2024-01-01", "ti": "TI", "params": {}}

    def given(self, function, args=(), kwargs=None):
        return calls.arguments(function, list(args), kwargs or {}, self.CONTEXT)

    def test_named(self):
        self.assertEqual(self.given(lambda ds, x=1: 0), {"ds": "2024-01-01"})
        self.assertEqual(self.given(lambda *, ti: 0), {"ti": "TI"})
        self.assertEqual(self.given(lambda: 0), {})
        self.assertEqual(self.given(lambda *params: 0, [1]), {})

    def test_all(self):
        self.assertEqual(self.given(lambda **k: 0), self.CONTEXT)

    def test_op_kwargs_win(self):
        self.assertEqual(self.given(lambda ds, y: 0, [], {"ds": "mine", "y": 2}), {"ds": "mine", "y": 2})

    def test_unnamed_op_kwargs_are_dropped(self):
        self.assertEqual(self.given(lambda ds: 0, [], {"z": 1}), {"ds": "2024-01-01"})

    def test_positional_clash(self):
        with self.assertRaisesRegex(ValueError, "argument 1 of op_args fills 'ds'"):
            self.given(lambda ds: 0, ["mine"])

    def test_annotations_of_type_checkers(self):
        """What they name need not be there: as texts, or from 3.14 on as it is."""
        source = "def f(ds: Nope, x: int = 1) -> Nope: return 0\n"
        here = {}
        exec("from __future__ import annotations\n" + source if sys.version_info < (3, 14) else source, here)
        self.assertEqual(self.given(here["f"]), {"ds": "2024-01-01"})
        self.assertIn("return", signatures.annotations(here["f"]))
        self.assertEqual(signatures.annotations(print), {})

    def test_wrapped(self):
        import functools

        def inner(ds, x):
            return 0

        @functools.wraps(inner)
        def outer(*args, **kwargs):
            return inner(*args, **kwargs)
        self.assertEqual(self.given(outer, [], {"x": 1}), {"ds": "2024-01-01", "x": 1})


class Loading(unittest.TestCase):
    def test_errors(self):
        folder = tempfile.mkdtemp()
        path = os.path.join(folder, "m.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write("number = 5\ndef good(): pass\n")
        for what, said in [
            ({"path": "nodots"}, "no import path"), ({"path": "os.path.joyn"}, "did you mean 'join'"),
            ({"file": "m.py", "name": "x"}, "not an absolute path"), ({"file": "/no/m.py", "name": "x"}, "does not exist"),
            ({"file": path, "name": "number"}, "no callable but a int"), ({"file": path, "name": "god"}, "did you mean 'good'"),
            ({"lambda": "5"}, "no lambda"),
        ]:
            with self.subTest(said):
                with self.assertRaisesRegex(calls.CannotLoad, said):
                    calls.load(what, set())
        with self.assertRaises(ModuleNotFoundError):
            calls.load({"path": "no_such_package.f"}, set())
        with self.assertRaises(SyntaxError):
            calls.load({"lambda": "lambda: ("}, set())


class Context(unittest.TestCase):
    def test_no_logical_date(self):
        found = context.build({"ti": {"dag_id": "d", "task_id": "t", "run_id": "r"}, "dag_run": {}})
        for name in ("ds", "ts", "logical_date", "data_interval_start"):
            self.assertNotIn(name, found)
        self.assertEqual(found["task_instance_key_str"], "d__t__r")
        self.assertEqual(found["dag_run"].conf, {})

    def test_recorded_names(self):
        """The names that a real Airflow 3.3.2 passed (r16_context, by_kwargs)."""
        want = """conn dag dag_run data_interval_end data_interval_start ds ds_nodash inlet_events inlets logical_date
        macros map_index_template outlet_events outlets params partition_date partition_key
        prev_data_interval_end_success prev_data_interval_start_success prev_end_date_success prev_start_date_success
        run_id task task_instance task_instance_key_str task_reschedule_count task_state_store ti
        triggering_asset_events ts ts_nodash ts_nodash_with_tz var""".split()
        found = context.build({"dag_run": {
            "run_id": "r", "logical_date": "2024-05-01T00:00:00Z",
            "data_interval_start": "2024-05-01T00:00:00Z", "data_interval_end": "2024-05-01T00:00:00Z"}})
        self.assertEqual(sorted(found), want)
        self.assertEqual(str(found["logical_date"]), "2024-05-01 00:00:00+00:00")
        with self.assertRaisesRegex(NotImplementedError, "task_state_store"):
            found["task_state_store"]["x"]

    def test_names_of_2(self):
        found = context.build({"dag_run": {"logical_date": "2024-05-01T00:00:00Z"}, "execution_date": "2024-05-01T00:00:00Z", "next_ds": "2024-05-02"})
        self.assertEqual((found["execution_date"].day, found["next_ds"]), (1, "2024-05-02"))
        self.assertEqual(found["conf"].getboolean("core", "load_examples"), False)

    def test_exceptions(self):
        for kind, want in [("ValueError", ValueError), ("airflow.exceptions.AirflowFailException", exceptions.AirflowFailException), ("x.Unknown", Exception)]:
            found = context.build({"exception": {"type": kind, "message": "m"}})["exception"]
            self.assertIs(type(found), want)


class Times(unittest.TestCase):
    def test_parse(self):
        for text, want in [
            ("2024-02-29T06:00:00Z", "2024-02-29 06:00:00+00:00"), ("2024-02-29 06:00:00.5+09:00", "2024-02-29 06:00:00.500000+09:00"),
            ("2024-02-29T06:00:00.123456789-0330", "2024-02-29 06:00:00.123456-03:30"), ("2024-02-29T06:00:00", "2024-02-29 06:00:00+00:00"),
        ]:
            self.assertEqual(str(times.parse(text)), want)
        with self.assertRaisesRegex(ValueError, "no date and time"):
            times.parse("yesterday")

    def test_methods(self):
        day = times.DateTime(2024, 1, 31, 5, 6, 7, tzinfo=times.UTC)
        self.assertEqual(str(day.add(months=1)), "2024-02-29 05:06:07+00:00")
        self.assertEqual(str(day.subtract(months=2, days=1)), "2023-11-29 05:06:07+00:00")
        self.assertEqual(str(day.add(months=11)), "2024-12-31 05:06:07+00:00")
        self.assertEqual(str(day.start_of("month")), "2024-01-01 00:00:00+00:00")
        self.assertEqual(str(day.start_of("week")), "2024-01-29 00:00:00+00:00")
        self.assertEqual(str(day.start_of("second")), "2024-01-31 05:06:07+00:00")
        self.assertEqual(str(day.end_of("year")), "2024-12-31 23:59:59.999999+00:00")
        self.assertEqual(type(day + dt.timedelta(1)), times.DateTime)
        self.assertEqual(day.to_date_string(), "2024-01-31")
        self.assertEqual(day.to_iso8601_string(), "2024-01-31T05:06:07Z")


class Connections(unittest.TestCase):
    def test_uri(self):
        found = secrets.Connection(uri="postgresql://us%2Fer:p%40ss@h.example:5433/db?a=1")
        got = (found.conn_type, found.login, found.password, found.host, found.port, found.schema, found.extra_dejson)
        self.assertEqual(got, ("postgres", "us/er", "p@ss", "h.example", 5433, "db", {"a": "1"}))
        self.assertEqual(found.get_uri(), "postgres://us%2Fer:p%40ss@h.example:5433/db?a=1")
        self.assertEqual(secrets.Connection(uri="http://https://h.example:80/x").host, "https://h.example")


    def test_written_by_the_file(self):
        secrets.note_environment()
        said = {"AIRFLOW_CONN_MINE": "postgres://u:p@h:5/db", "AIRFLOW_CONN_JSON": '{"conn_type": "http", "host": "h", "port": "80"}', "AIRFLOW_VAR_N": "[1]"}
        with mock.patch.dict(os.environ, said):
            found = secrets.BaseHook.get_connection("mine")
            self.assertEqual((found.conn_id, found.host, found.password), ("mine", "h", "p"))
            self.assertEqual(secrets.Connection.get("json").port, 80)
            self.assertEqual((secrets.Variable.get("n"), secrets.Variable.get("n", deserialize_json=True)), ("[1]", [1]))
            secrets.note_environment()  # then they are what the worker was started with, which Go answers for
            with self.assertRaises(exceptions.AirflowNotFoundException):
                secrets.Connection.get("mine")
        secrets.note_environment()


class Reports(unittest.TestCase):
    def test_outcomes(self):
        class Mine(exceptions.AirflowSkipException):
            pass
        for error, want in [
            (Mine(), "skip"), (exceptions.PermissionDenied("no"), "denied"), (exceptions.AirflowFailException(), "fail_no_retry"), (ValueError(), "fail"),
            (KeyboardInterrupt(), "fail"), (exceptions.AirflowTaskTerminated(), "killed"),
            (exceptions.AirflowRescheduleException("no date"), "fail"),
        ]:
            self.assertEqual(report.result(error)["outcome"], want)


class Frames(unittest.TestCase):
    def test_split(self):
        both = bytearray(frames.pack({"a": 1}) + frames.pack({"b": "\udcff"}) + b"\0\0")
        self.assertEqual(frames.split(both), [{"a": 1}, {"b": "\udcff"}])
        self.assertEqual(both, b"\0\0")


if __name__ == "__main__":
    unittest.main()
