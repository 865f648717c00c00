"""What values become as XComs, and back."""
import dataclasses
import datetime as dt
import decimal
import enum
import json
import os
import sys
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from updraft_runner import times, xcom  # noqa: E402


@dataclasses.dataclass
class Point:
    x: int
    y: dt.date


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Own:
    __version__ = 3

    def __init__(self, a):
        self.a = a

    def serialize(self):
        return {"a": self.a}

    @staticmethod
    def deserialize(data, version):
        return Own(data["a"])


def tag(name, version, data):
    return {"__classname__": name, "__version__": version, "__data__": data}


class Recorded(unittest.TestCase):
    """The values of a real Airflow 3.3.2 (r03_python_values)."""

    VALUES = {
        "true": True, "int": 5, "float": 1.5, "str": "a\nb", "empty": "", "list": [1, "a", None],
        "tuple": (1, 2), "dict": {"a": {"b": [1]}}, "set": {3},
        "dt": dt.datetime(2024, 1, 2, 3, tzinfo=dt.timezone.utc), "date": dt.date(2024, 1, 2),
        "delta": dt.timedelta(hours=1), "intkeys": {1: "a"}, "nested": [(1, [2, (3,)])], "unicode": "서울",
        "big": 2**70,
    }

    def test_recorded(self):
        path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "testdata", "r03_xcoms.json")
        with open(path, encoding="utf-8") as f:
            recorded = {x["task_id"][2:]: x["value"] for x in json.load(f) if x["task_id"].startswith("v_")}
        self.assertEqual(sorted(recorded), sorted(self.VALUES))
        for name, value in self.VALUES.items():
            with self.subTest(name):
                self.assertEqual(xcom.encode(value), recorded[name])


class RoundTrip(unittest.TestCase):
    def test_values(self):
        seoul = dt.timezone(dt.timedelta(hours=9))
        for value in [
            None, 1, "x", [1, [2]], {"a": (1, {2}, frozenset([3]))}, dt.date(2024, 2, 29),
            dt.timedelta(days=1, microseconds=5), decimal.Decimal("1.10"), decimal.Decimal("1E+3"),
            decimal.Decimal("Infinity"),
            dt.datetime(2024, 1, 2, 3, 4, 5, 678900, tzinfo=seoul), dt.datetime(2024, 1, 2, 3),
            uuid.UUID(int=5), times.DateTime(2024, 1, 2, tzinfo=dt.timezone.utc),
        ]:
            with self.subTest(repr(value)):
                back = xcom.decode(json.loads(json.dumps(xcom.encode(value))))
                self.assertEqual(back, value)
                self.assertIs(type(back), type(value))

    def test_zone(self):
        zoneinfo = __import__("zoneinfo")
        try:
            seoul = zoneinfo.ZoneInfo("Asia/Seoul")
        except zoneinfo.ZoneInfoNotFoundError:
            return  # a Python without the tz database has no such values
        value = dt.datetime(2024, 1, 2, 3, tzinfo=seoul)
        coded = xcom.encode(value)
        self.assertEqual(coded["__data__"]["tz"]["__data__"], ["Asia/Seoul", "zoneinfo.ZoneInfo", 1, True])
        self.assertEqual(xcom.decode(coded).tzinfo, seoul)

    def test_classes(self):
        point = Point(1, dt.date(2024, 1, 2))
        self.assertEqual(xcom.encode(point)["__version__"], 0)
        own = {__name__}
        self.assertEqual(xcom.decode(xcom.encode(point), own), point)
        self.assertEqual(xcom.decode(xcom.encode(Own(5)), own).a, 5)
        with self.assertRaisesRegex(xcom.NotReadable, "Point is not allowed"):
            xcom.decode(xcom.encode(point))

    def test_pendulum_from_airflow(self):
        value = tag("pendulum.datetime.DateTime", 2, {
            "timestamp": 1704164400.5, "tz": tag("builtins.tuple", 1, ["UTC", "pendulum.tz.timezone.Timezone", 1, True])})
        self.assertEqual(str(xcom.decode(value)), "2024-01-02 03:00:00.500000+00:00")


class Shapes(unittest.TestCase):
    def test_shapes(self):
        named = __import__("collections").namedtuple("N", "a b")
        for value, want in [
            (named(1, 2), tag("builtins.tuple", 1, [1, 2])), (Level.LOW, 1),
            (decimal.Decimal("1.50"), tag("decimal.Decimal", 1, "1.50")),
            (decimal.Decimal(7), tag("decimal.Decimal", 1, 7)), ({None: 1, True: 2}, {"None": 1, "True": 2}),
            (type("S", (str,), {})("s"), "s"), (__import__("collections").OrderedDict(a=1), {"a": 1}),
        ]:
            with self.subTest(repr(value)):
                self.assertEqual(xcom.encode(value), want)

    def test_refused(self):
        for value, said in [
            (b"x", "value is of type builtins.bytes"), ([{"k": object()}], r"value\[0\]\['k'\] is of type builtins.object"),
            (float("inf"), "value is inf"), ({"__classname__": 1}, "reserved key"), (Color.RED, "Color"),
            ((x for x in []), r"generator.*list\(\.\.\.\)"), (1j, "complex"),
        ]:
            with self.subTest(said):
                with self.assertRaisesRegex(TypeError, said):
                    xcom.encode(value)

    def test_numpy(self):
        if not hasattr(sys.modules.get("numpy"), "int64"):
            # As numpy's scalars are, where numpy is missing.
            kind = type("int64", (), {"item": lambda self: 5, "shape": ()})
            kind.__module__ = "numpy"
            self.assertEqual(xcom.encode(kind()), tag("numpy.int64", 1, 5))


if __name__ == "__main__":
    unittest.main()
