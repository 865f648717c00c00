"""Schedules, time zones and assets."""
import unittest

from dagfiles import dag, dags, error

HEAD = """
from airflow.sdk import *
from airflow.providers.standard.operators.bash import BashOperator
import zoneinfo
from datetime import timezone
"""


def scheduled(schedule, start="datetime(2024, 1, 1)", **options):
    """The schedule of a DAG."""
    return dag(HEAD + "d = DAG('d', start_date=%s, schedule=%s)" % (start, schedule), **options)["schedule"]


class Schedules(unittest.TestCase):
    def test_values(self):
        hour = 3600 * 10**9
        cron = {"kind": "cron_trigger", "cron": ["5 4 * * *"], "timezone": "UTC"}
        for given, want in {
            "None": {"kind": "none"}, "'@once'": {"kind": "once"}, "[]": {"kind": "none"}, "'5 4 * * *'": cron,
            "timedelta(hours=3)": {"kind": "delta_trigger", "delta": {"fixed": 3 * hour}},
            "CronTriggerTimetable('5 4 * * *', timezone='UTC')": cron,
            "CronTriggerTimetable('@daily', timezone='Asia/Seoul', interval=timedelta(hours=1), run_immediately=True)": {
                "kind": "cron_trigger", "cron": ["@daily"], "timezone": "Asia/Seoul", "interval": {"fixed": hour}, "run_immediately": "always"},
            "CronTriggerTimetable('@daily', timezone='UTC', run_immediately=None)": {
                "kind": "cron_trigger", "cron": ["@daily"], "timezone": "UTC", "run_immediately": "auto"},
            "CronDataIntervalTimetable('@daily', timezone=zoneinfo.ZoneInfo('Europe/Berlin'))": {
                "kind": "cron_data_interval", "cron": ["@daily"], "timezone": "Europe/Berlin"},
            "MultipleCronTriggerTimetable('0 5 * * *', '0 6 * * *', timezone='UTC', run_immediately=timedelta(hours=1))": {
                "kind": "multiple_cron_trigger", "cron": ["0 5 * * *", "0 6 * * *"], "timezone": "UTC",
                "run_immediately": "within", "run_immediately_within": hour},
            "DeltaDataIntervalTimetable(timedelta(hours=6))": {"kind": "delta_data_interval", "delta": {"fixed": 6 * hour}},
            "EventsTimetable([datetime(2024, 5, 1), datetime(2024, 4, 1)])": {
                "kind": "events", "event_dates": ["2024-04-01T00:00:00Z", "2024-05-01T00:00:00Z"], "restrict_to_events": False,
                "presorted": False, "description": ""},
        }.items():
            with self.subTest(given):
                self.assertEqual(scheduled(given), want)
        self.assertEqual(dag(HEAD + "d = DAG('d', schedule='@continuous', max_active_runs=1)")["schedule"], {"kind": "continuous"})

    def test_refused(self):
        for given, want in {
            "'every tuesday'": "AirflowTimetableInvalid: Exactly 5, 6 or 7 columns has to be specified for iterator expression.",
            "5": "ValueError: 5 is not a valid schedule", "[1]": "ValueError: All elements in 'schedule' should be",
            "type('Own', (__import__('airflow.timetables.base').timetables.base.Timetable,), {})()": "updraft.Unsupported: the schedule is a timetable",
            "'@continuous'": "ValueError: Invalid max_active_runs",
        }.items():
            with self.subTest(given):
                found = error(HEAD + "d = DAG('d', start_date=datetime(2024, 1, 1), schedule=%s)" % given)
                self.assertTrue(found.replace("airflow.exceptions.", "").startswith(want), found)

    def test_settings(self):
        self.assertEqual(scheduled("'@daily'", create_cron_data_intervals=True)["kind"], "cron_data_interval")
        self.assertEqual(scheduled("timedelta(1)", airflow_compat="2", create_delta_data_intervals=False)["kind"], "delta_trigger")

    def test_zones(self):
        for start, zone, at in (
            ("datetime(2024, 1, 1)", None, "2024-01-01T00:00:00Z"),
            ("datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo('Asia/Kolkata'))", "Asia/Kolkata", "2024-01-01T00:00:00+05:30"),
            ("datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-3)))", "-03:00", "2024-01-01T00:00:00-03:00"),
            ("'2024-01-01'", None, "2024-01-01T00:00:00Z"), ("'2024-01-01T00:00:00Z'", None, "2024-01-01T00:00:00Z"),
        ):
            with self.subTest(start):
                found = dag(HEAD + "d = DAG('d', start_date=%s, schedule='@daily')" % start)
                self.assertEqual((found.get("timezone"), found["start_date"], found["schedule"]["timezone"]), (zone, at, zone or "UTC"))
        found = dag(HEAD + "d = DAG('d', schedule=None, default_args={'start_date': '2024-02-03'})")
        self.assertEqual(found["start_date"], "2024-02-03T00:00:00Z")
        found = dag(HEAD + "d = DAG('d', schedule=None, start_date=datetime(2024, 1, 1))", default_timezone="Asia/Seoul")
        self.assertEqual((found["timezone"], found["start_date"]), ("Asia/Seoul", "2024-01-01T00:00:00+09:00"))


class Assets(unittest.TestCase):
    def test_conditions(self):
        head = "a, b, c = Asset('a'), Asset(name='b', uri='S3://X/b/', group='g', extra={'k': 1}), Asset('file:///c')\n"

        def made(expression):
            def short(found):
                for kind in ("all", "any"):
                    if kind in found:
                        return "%s(%s)" % (kind, " ".join(short(one) for one in found[kind]))
                return "alias:" + found["asset"]["alias"] if "alias" in found["asset"] else found["asset"]["uri"]
            return short(dag(HEAD + head + "d = DAG('d', schedule=%s)" % expression)["schedule"]["assets"])
        for expression, want in {
            "a": "a", "[a, c]": "all(a file:///c)", "a & b | c": "any(all(a s3://X/b) file:///c)", "a | b | c": "any(a s3://X/b file:///c)",
            "AssetAny(AssetAll(a, c), AssetAlias('later'))": "any(all(a file:///c) alias:later)", "[Asset.ref(name='b')]": "all(s3://X/b)",
        }.items():
            with self.subTest(expression):
                self.assertEqual(made(expression), want)

    def test_inlets_and_outlets(self):
        found = dag(HEAD + """
with DAG("d", schedule=None) as dag:
    BashOperator(task_id="t", bash_command="x", inlets=[Asset("i")], outlets=[Asset("o", extra={"k": 1}), AssetAlias("later")])
""")["tasks"][0]
        self.assertEqual(found["inlets"], [{"name": "i", "uri": "i", "group": "asset"}])
        self.assertEqual(found["outlets"], [{"name": "o", "uri": "o", "group": "asset", "extra": {"k": 1}}, {"alias": "later"}])

    def test_decorator(self):
        found = dags(HEAD + """
@asset(schedule="@daily", uri="s3://x/made")
def made(self, context):
    "Makes it."
@asset(schedule=made)
def derived(made): pass
""")
        self.assertEqual((found["made"]["schedule"]["kind"], found["made"]["doc_md"]), ("cron_trigger", "Makes it."))
        self.assertEqual(found["derived"]["schedule"]["assets"]["asset"]["uri"], "s3://x/made")
        (one,) = found["derived"]["tasks"]
        self.assertEqual((one["inlets"][0]["uri"], one["outlets"][0]["uri"]), ("s3://x/made", "derived"))


if __name__ == "__main__":
    unittest.main()
