"""pendulum and dateutil where they are missing, and the dates of contexts."""
import copy
import datetime as dt
import importlib
import os
import sys
import unittest

import dagfiles  # noqa: F401  sets sys.path

from updraft_runner import readers, times, xcom

_STANDINS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "updraft_dags", "standins")


def standin(name):
    """The stand-in, whether or not the real package is installed."""
    kept = {m: sys.modules.pop(m) for m in list(sys.modules) if m.partition(".")[0] == name.partition(".")[0]}
    sys.path.insert(0, _STANDINS)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(_STANDINS)
        for m in [m for m in sys.modules if m.partition(".")[0] == name.partition(".")[0]]:
            del sys.modules[m]
        sys.modules.update(kept)


pendulum = standin("pendulum")
relativedelta = standin("dateutil.relativedelta")
parser = standin("dateutil.parser")
tz = standin("dateutil.tz")


class Pendulum(unittest.TestCase):
    leap = pendulum.datetime(2024, 2, 29, 6, 7, 8)

    def test_prints(self):
        self.assertEqual(str(self.leap), "2024-02-29 06:07:08+00:00")
        self.assertEqual(repr(self.leap), "DateTime(2024, 2, 29, 6, 7, 8, tzinfo=Timezone('UTC'))")
        self.assertEqual(repr(pendulum.timezone("Europe/Paris")), "Timezone('Europe/Paris')")
        self.assertEqual(str(pendulum.duration(days=1, hours=2)), "1 day 2 hours")
        self.assertEqual(repr(pendulum.duration(days=8)), "Duration(weeks=1, days=1)")
        for fmt, want in [
            ("YYYY-MM-DD", "2024-02-29"), ("dddd Do [of] MMMM YY", "Thursday 29th of February 24"), ("h:mm:ss A ZZ", "6:07:08 AM +0000"),
            ("DDDD Q E d X", "060 1 4 4 1709186828"),
        ]:
            self.assertEqual(self.leap.format(fmt), want)
        self.assertEqual(self.leap.to_day_datetime_string(), "Thu, Feb 29, 2024 6:07 AM")
        self.assertEqual(self.leap.to_rfc2822_string(), "Thu, 29 Feb 2024 06:07:08 +0000")

    def test_arithmetic(self):
        self.assertEqual(str(self.leap + pendulum.duration(years=1, days=1)), "2025-03-01 06:07:08+00:00")
        self.assertEqual(str(self.leap - pendulum.duration(months=1)), "2024-01-29 06:07:08+00:00")
        self.assertEqual(str(self.leap - dt.timedelta(1)), "2024-02-28 06:07:08+00:00")
        apart = pendulum.datetime(2025, 3, 1) - self.leap
        self.assertEqual((apart.in_days(), apart.in_months(), apart.in_hours(), type(apart).__name__), (365, 12, 8777, "Interval"))
        self.assertEqual(self.leap.diff(pendulum.datetime(2024, 2, 28)).in_days(), 1)
        self.assertEqual(self.leap.diff_for_humans(pendulum.datetime(2024, 2, 1)), "4 weeks after")
        self.assertEqual(str(self.leap.start_of("quarter")), "2024-01-01 00:00:00+00:00")
        self.assertEqual(str(self.leap.end_of("quarter")), "2024-03-31 23:59:59.999999+00:00")
        self.assertEqual(str(self.leap.next(pendulum.MONDAY)), "2024-03-04 00:00:00+00:00")
        self.assertEqual(str(self.leap.last_of("month", pendulum.MONDAY)), "2024-02-26 00:00:00+00:00")
        self.assertEqual([d.day for d in pendulum.interval(pendulum.datetime(2024, 2, 28), pendulum.datetime(2024, 3, 1)).range("days")],
                         [28, 29, 1])

    def test_zones(self):
        paris = self.leap.in_timezone("Europe/Paris")
        self.assertEqual((str(paris), paris.timezone_name, paris.offset), ("2024-02-29 07:07:08+01:00", "Europe/Paris", 3600))
        self.assertEqual(str(pendulum.datetime(2024, 10, 27, 2, 30, tz="Europe/Paris")), "2024-10-27 02:30:00+01:00")
        self.assertEqual(str(pendulum.instance(dt.datetime(2024, 1, 1))), "2024-01-01 00:00:00+00:00")
        self.assertEqual(str(pendulum.today("UTC"))[10:], " 00:00:00+00:00")
        with self.assertRaisesRegex(ValueError, "Invalid timezone 'Nowhere'"):
            pendulum.timezone("Nowhere")

    def test_reads(self):
        for text, want in [
            ("2024-02-29", "2024-02-29 00:00:00+00:00"), ("20240229T060708", "2024-02-29 06:07:08+00:00"),
            ("2024-02-29T06:07:08+02:00", "2024-02-29 06:07:08+02:00"), ("2024-060", "2024-02-29 00:00:00+00:00"),
            ("2024-W09-4", "2024-02-29 00:00:00+00:00"),
        ]:
            self.assertEqual(str(pendulum.parse(text)), want)
        with self.assertRaisesRegex(ValueError, "Unable to parse"):
            pendulum.parse("Feb 29")
        self.assertEqual(str(pendulum.from_format("29/02/24 6 pm", "DD/MM/YY h a", tz="Asia/Seoul")), "2024-02-29 18:00:00+09:00")
        with self.assertRaisesRegex(ValueError, "does not match format"):
            pendulum.from_format("2024", "DD/MM")

    def test_is_the_type_of_contexts(self):
        self.assertIs(pendulum.DateTime, times.DateTime)
        for value in (self.leap, pendulum.duration(months=1, days=1), self.leap - pendulum.datetime(2024, 1, 1)):
            same = copy.deepcopy(value)
            self.assertEqual((same, type(same)), (value, type(value)))
        self.assertEqual(xcom.encode(self.leap)["__classname__"], "pendulum.datetime.DateTime")
        self.assertEqual(xcom.encode(pendulum.duration(days=1)), {"__classname__": "datetime.timedelta", "__version__": 2, "__data__": 86400.0})

    def test_says_what_it_lacks(self):
        with self.assertRaisesRegex(AttributeError, "no 'travel_to': install pendulum"):
            pendulum.travel_to


class Dateutil(unittest.TestCase):
    def test_relativedelta(self):
        delta, monday = relativedelta.relativedelta, relativedelta.MO
        for got, want in [
            (dt.datetime(2024, 1, 31) + delta(months=1), "2024-02-29 00:00:00"), (dt.date(2024, 3, 31) - delta(months=1, days=2), "2024-02-27"),
            (dt.datetime(2024, 2, 29) + delta(weekday=monday(-1)), "2024-02-26 00:00:00"),
            (dt.datetime(2024, 2, 29) + delta(weekday=monday(2)), "2024-03-11 00:00:00"),
            (dt.datetime(2024, 2, 29, 5) + delta(day=1, hour=0, years=-1), "2023-02-01 00:00:00"),
        ]:
            self.assertEqual(str(got), want)
        self.assertEqual(repr(delta(dt.datetime(2024, 3, 1), dt.datetime(2023, 1, 31))), "relativedelta(years=+1, months=+1, days=+1)")
        self.assertEqual(delta(months=14), delta(years=1, months=2))
        self.assertEqual(-delta(days=1) + delta(days=3), delta(days=1) * 2)
        self.assertFalse(delta())

    def test_parser(self):
        for text, want in [
            ("Feb 29 2024 6:00 pm", "2024-02-29 18:00:00"), ("29 Feb 2024", "2024-02-29 00:00:00"), ("02/29/2024", "2024-02-29 00:00:00"),
            ("29.02.2024 06:00", "2024-02-29 06:00:00"), ("20240229", "2024-02-29 00:00:00"), ("2024/02/29 06:00:01.5", "2024-02-29 06:00:01.500000"),
            ("Thu, 29 Feb 2024 06:00:00 +0100", "2024-02-29 06:00:00+01:00"), ("Thu Feb 29 06:00:00 UTC 2024", "2024-02-29 06:00:00+00:00"),
        ]:
            self.assertEqual(str(parser.parse(text)), want, text)
        self.assertEqual(str(parser.parse("03/04/2024", dayfirst=True)), "2024-04-03 00:00:00")
        for wrong in ("never", "", "2024-13-45", "1 2 3 4"):
            with self.assertRaises(ValueError):
                parser.parse(wrong)
        self.assertEqual(tz.gettz("Nowhere/Else"), None)
        with self.assertRaisesRegex(ImportError, "install python-dateutil"):
            standin("dateutil.rrule")

    def test_iso(self):
        self.assertIsNone(readers.iso("29-02-2024"))
        self.assertEqual(str(readers.iso("2024-02-29T06:07:08.123456789Z")), "2024-02-29 06:07:08.123456+00:00")


if __name__ == "__main__":
    unittest.main()
