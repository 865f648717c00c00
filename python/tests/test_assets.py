"""Asset events and earlier runs in the context."""
import datetime as dt
import unittest
from unittest import mock

import dagfiles  # noqa: F401  finds the packages

from updraft_dags.assets import Asset, AssetAlias, Metadata
from updraft_runner import assets, context, lazy, session, xcom

ORDERS, AUDIT = Asset(name="orders", uri="s3://orders"), AssetAlias("audit")


class Session:
    """Answers as Go would, and remembers what it was asked."""

    contexts = ()

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def ask(self, op, **fields):
        self.asked.append((op, fields))
        return self.answers[op]


def build(session_=None, **raw):
    raw.setdefault("dag_run", {"run_id": "r", "logical_date": "2024-05-01T00:00:00Z"})
    with mock.patch.object(session, "_current", session_):
        return context.build(raw)


class Outlets(unittest.TestCase):
    def setUp(self):
        self.events = build()["outlet_events"]

    def test_extra(self):
        self.events[ORDERS].extra = {"rows": 5}
        self.events[ORDERS].extra["more"] = [1]
        self.events[Asset.ref(name="other")].extra["x"] = None
        self.events["s3://text"].extra["y"] = 1
        self.events[Asset(name="untouched")]
        self.assertEqual(self.events.said(), [
            {"name": "orders", "uri": "s3://orders", "extra": {"rows": 5, "more": [1]}},
            {"name": "other", "uri": "", "extra": {"x": None}}, {"name": "", "uri": "s3://text", "extra": {"y": 1}}])
        self.assertEqual((len(self.events), ORDERS in list(self.events)), (4, True))

    def test_alias(self):
        self.events[AUDIT].add(ORDERS, extra={"n": 1})
        self.events.for_asset_alias(name="audit").add(Asset("s3://new"))
        self.events[ORDERS].add(Asset("ignored"))  # as in Airflow
        self.events[AUDIT].extra = {"means": "nothing"}
        self.assertEqual(self.events.said(), [
            {"name": "orders", "uri": "s3://orders", "alias": "audit", "extra": {"n": 1}},
            {"name": "s3://new", "uri": "s3://new", "alias": "audit", "extra": {}}])
        with self.assertRaisesRegex(TypeError, "not another alias"):
            self.events[AUDIT].add(AssetAlias("x"))

    def test_generators(self):
        def work():
            yield Metadata(ORDERS, {"rows": 2})
            yield Metadata(Asset("late"), extra={"a": 1}, alias=AUDIT)
            yield "nothing"
            return "value"

        async def later():
            yield Metadata(ORDERS, {"rows": 3})

        with self.assertLogs("airflow.task", "WARNING") as logs:
            self.assertEqual(assets.finished(work(), self.events), "value")
        self.assertIn("Ignoring unknown data", logs.output[0])
        self.assertEqual([(u["name"], u.get("alias"), u["extra"]) for u in self.events.said()], [
            ("orders", None, {"rows": 2}), ("late", None, {"a": 1}), ("late", "audit", {"a": 1})])
        self.assertIsNone(assets.finished(later(), self.events))
        self.assertEqual(self.events[ORDERS].extra, {"rows": 3})
        self.assertEqual(assets.finished([1], self.events), [1])

    def test_refusals(self):
        with self.assertRaisesRegex(TypeError, "either an asset or an asset alias"):
            self.events[5]
        with self.assertRaisesRegex(NotImplementedError, "no partitions"):
            self.events[ORDERS].add_partitions("2024")
        self.events[ORDERS].extra["when"] = dt.date(2024, 1, 1)
        with self.assertRaisesRegex(TypeError, "extra of asset 'orders' is no JSON"):
            self.events.said()
        self.events[ORDERS].extra = [1]
        with self.assertRaisesRegex(TypeError, "no dict but a list"):
            self.events.said()


EVENTS = [
    {"id": 1, "name": "orders", "uri": "s3://orders", "timestamp": "2024-05-01T00:00:00Z", "extra": None, "source_aliases": ["audit"],
     "source_dag_id": None, "source_run_id": None, "source_task_id": None, "source_map_index": None},
    {"id": 2, "name": "orders", "uri": "s3://orders", "timestamp": "2024-05-02T00:00:00Z", "extra": {"rows": 2}, "source_aliases": None,
     "source_dag_id": "d", "source_run_id": "r", "source_task_id": "t", "source_map_index": -1},
]


class Inlets(unittest.TestCase):
    def setUp(self):
        self.session = Session(asset_events=EVENTS)
        self.patch = mock.patch.object(session, "_current", self.session)
        self.patch.start()
        self.addCleanup(self.patch.stop)
        self.events = build(self.session, inlets=[{"name": "orders", "uri": "s3://orders", "group": "asset"}, {"name": "audit"}])["inlet_events"]

    def test_reads(self):
        found = self.events[ORDERS]
        self.assertEqual(self.session.asked, [])
        self.assertEqual((len(found), found[-1].extra, [e.id for e in found]), (2, {"rows": 2}, [1, 2]))
        self.assertEqual(len(self.session.asked), 1)
        first, last = found[0], found[-1]
        self.assertEqual((first.extra, first.source_task_instance, first.source_dag_run, first.source_aliases[0].name), ({}, None, None, "audit"))
        self.assertEqual(last.timestamp, dt.datetime(2024, 5, 2, tzinfo=dt.timezone.utc))
        self.assertEqual((last.source_dag_id, last.source_task_instance.task_id, last.source_dag_run.run_id, last.asset.uri), ("d", "t", "r", "s3://orders"))

    def test_ways_to_ask(self):
        for asset in (0, Asset.ref(name="orders"), Asset.ref(uri="s3://orders"), "s3://orders", "orders"):
            self.assertEqual(len(self.events[asset]), 2)
        self.assertEqual([e.id for e in self.events.for_asset(name="orders").ascending(False).limit(1)], [2])
        list(self.events[AUDIT].after("2024-01-01").before(dt.datetime(2025, 1, 1)))
        self.assertEqual(self.session.asked[-1], ("asset_events", {"value": {
            "name": "", "uri": "", "alias": "audit", "after": "2024-01-01T00:00:00+00:00", "before": "2025-01-01T00:00:00+00:00"}}))
        with self.assertRaises(KeyError):
            self.events[Asset("unknown")]
        self.assertEqual(len(self.events), 2)

    def test_triggering(self):
        raw = [{"asset": {"name": "orders", "uri": "s3://orders"}, "events": EVENTS}]
        found = build(triggering_asset_events=raw, execution_date="2024-05-01T00:00:00Z")
        events = found["triggering_asset_events"]
        self.assertEqual((len(events[ORDERS]), ORDERS in events, events.get(Asset("x")), [a.name for a in events]), (2, True, None, ["orders"]))
        self.assertEqual(found["triggering_dataset_events"]["s3://orders"][1].source_task_id, "t")


class Previous(unittest.TestCase):
    NAMES = ("prev_data_interval_start_success", "prev_data_interval_end_success", "prev_start_date_success", "prev_end_date_success")

    def test_dates(self):
        here = Session(previous_success={"data_interval_start": "2024-04-30T00:00:00Z", "start_date": "2024-05-01T01:00:00Z"})
        with mock.patch.object(session, "_current", here):
            found = build(here)
            start, end, began, ended = (found[n] for n in self.NAMES)
            self.assertEqual(here.asked, [])
            self.assertEqual((str(start), start.isoformat(), "{:%Y}".format(start)), ("2024-04-30 00:00:00+00:00", "2024-04-30T00:00:00+00:00", "2024"))
            self.assertTrue(isinstance(start, dt.datetime) and start < began and start < dt.datetime.now(dt.timezone.utc) and not end and end == None)  # noqa: E711
            self.assertEqual((began - start, began - dt.timedelta(hours=1)), (dt.timedelta(hours=25), began.subtract(hours=1)))
            self.assertEqual(dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc) - start, dt.timedelta(days=1))
            self.assertEqual(xcom.encode([start, ended]), xcom.encode([lazy.plain(start), None]))
            self.assertEqual(here.asked, [("previous_success", {})])

    def test_no_logical_date(self):
        found = build(dag_run={"run_id": "r"})
        self.assertEqual([n for n in self.NAMES if n in found], list(self.NAMES[2:]))


if __name__ == "__main__":
    unittest.main()
