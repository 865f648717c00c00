"""Arrows, groups, setups and teardowns."""
import unittest

from dagfiles import arrows, dag, error, tasks

HEAD = """
from airflow.sdk import *
from airflow.sdk import task, task_group, setup, teardown, chain, chain_linear, cross_downstream, Label
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.bash import BashOperator
def e(name, **kw):
    return EmptyOperator(task_id=name, **kw)
"""


def flow(body):
    """A file whose DAG has body inside."""
    lines = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return HEAD + "with DAG('d', start_date=datetime(2024, 1, 1), schedule=None) as dag:\n" + lines + "\n"


class Arrows(unittest.TestCase):
    def check(self, body, want):
        self.assertEqual(arrows(flow(body)), want)

    def test_operators(self):
        self.check("a, b, c, d = map(e, 'abcd')\na >> [b, c] >> d", "a>b a>c b>d c>d")
        self.check("a, b, c = map(e, 'abc')\n[b, c] << a\nc << b", "a>b a>c b>c")
        self.check("a, b, c = map(e, 'abc')\na.set_downstream([b, c])\nc.set_upstream(b)", "a>b a>c b>c")
        self.check("a, b = map(e, 'ab')\na >> b\na >> b", "a>b")

    def test_functions(self):
        self.check("a, b, c, d, f = map(e, 'abcdf')\nchain(a, [b, c], [d, f])", "a>b a>c b>d c>f")
        self.check("a, b, c, d = map(e, 'abcd')\nchain_linear([a, b], [c, d])", "a>c a>d b>c b>d")
        self.check("a, b, c, d = map(e, 'abcd')\ncross_downstream([a, b], [c, d])", "a>c a>d b>c b>d")
        self.assertEqual(error(flow("a, b, c, d, f = map(e, 'abcdf')\nchain([a, b], [c, d, f])")),
                         "ValueError: Chain not supported for different length Iterable. Got 2 and 3.")
        self.assertEqual(error(flow("chain_linear(e('a'))")),
                         "ValueError: No dependencies were set. Did you forget to expand with `*`?")

    def test_labels(self):
        self.check("a, b, c = map(e, 'abc')\na >> Label('yes') >> [b, c]\nb >> Label('no') >> c", "a>b a>c b>c")
        self.check("a, b = map(e, 'ab')\nb << Label('x') << a", "a>b")
        self.check("a, b, c, d = map(e, 'abcd')\nchain(a, [Label('x'), Label('y')], [b, c], d)", "a>b a>c b>d c>d")

    def test_wrong_ends(self):
        self.assertEqual(error(flow("e('a') >> 5")),
                         "TypeError: Relationships can only be set between Operators; received int")
        self.assertIn("more than one Dag", error(HEAD + """
            with DAG("x", schedule=None):
                a = e("a")
            with DAG("y", schedule=None):
                a >> e("b")
        """.replace("\n            ", "\n")))

    def test_cycle(self):
        found = error(flow("a, b = map(e, 'ab')\na >> b >> a"))
        self.assertEqual(found, "AirflowDagCycleException: Cycle detected in Dag: d. Faulty task: b")

    def test_dag_is_inherited(self):
        found = tasks(HEAD + "d = DAG('d', schedule=None)\na = e('a', dag=d)\na >> e('b') >> [e('c')]\n")
        self.assertEqual(sorted(found), ["a", "b", "c"])


class Groups(unittest.TestCase):
    def test_ids_and_arrows(self):
        body = """
s, t = e("s"), e("t")
with TaskGroup("g", tooltip="tip") as g:
    a = e("a")
    with TaskGroup("h", prefix_group_id=False) as h:
        e("b") >> e("c")
    a >> h
s >> g >> t
"""
        self.assertEqual(arrows(flow(body)), "b>c c>t g.a>b s>g.a")
        self.assertEqual(dag(flow(body))["groups"], [
            {"group_id": "g", "tooltip": "tip"}, {"group_id": "g.h", "parent": "g", "no_prefix": True}])

    def test_decorated(self):
        body = """
@task_group
def g(n):
    "What it is for."
    @task
    def one(v): return v
    return one(n)
x = g(1)
g(2)
x >> e("z")
"""
        found = dag(flow(body))
        self.assertEqual([t["task_id"] for t in found["tasks"]], ["g.one", "g__1.one", "z"])
        self.assertEqual([(g["group_id"], g["tooltip"]) for g in found["groups"]],
                         [("g", "What it is for."), ("g__1", "What it is for.")])
        self.assertEqual(arrows(flow(body)), "g.one>z")

    def test_defaults_of_groups(self):
        body = """
with TaskGroup("g", default_args={"retries": 2, "pool": "p"}):
    e("a")
    with TaskGroup("h", default_args={"retries": 3}):
        e("b")
        e("c", retries=4)
e("d")
"""
        found = tasks(flow(body))
        self.assertEqual({k: (t.get("retries", 0), t["pool"]) for k, t in found.items()}, {
            "g.a": (2, "p"), "g.h.b": (3, "p"), "g.h.c": (4, "p"), "d": (0, "default_pool")})

    def test_same_id(self):
        found = error(flow("with TaskGroup('g'): pass\nwith TaskGroup('g'): pass"))
        self.assertEqual(found, "airflow.sdk.exceptions.DuplicateTaskIdFound: group_id 'g' has already been added to the Dag")
        self.assertIn("Task id 'a' has already been added", error(flow("e('a')\ne('a')")))

    def test_a_teardown_is_no_leaf(self):
        body = """
with TaskGroup("g") as g:
    s, w, t = e("s").as_setup(), e("w"), e("t")
    s >> w >> t.as_teardown(setups=s)
g >> e("z")
"""
        self.assertEqual(arrows(flow(body)), "g.s>g.t g.s>g.w g.w>g.t g.w>z")


class Setups(unittest.TestCase):
    def test_context(self):
        body = """
@setup
def up(): pass
@teardown(on_failure_fail_dagrun=True)
def down(): pass
with up() >> down():
    e("a") >> e("b")
    e("c")
"""
        self.assertEqual(arrows(flow(body)), "a>b b>down c>down up>a up>c up>down")
        found = tasks(flow(body))
        self.assertEqual((found["up"]["setup"], found["down"]["teardown"], found["down"]["on_failure_fail_dagrun"],
                          found["down"]["trigger_rule"]), (True, True, True, "all_done_setup_success"))

    def test_nested_contexts(self):
        body = """
with e("s1").as_setup() >> e("t1").as_teardown():
    with e("s2").as_setup() >> e("t2").as_teardown():
        e("w")
"""
        self.assertEqual(arrows(flow(body)), "s1>s2 s1>t1 s2>t2 s2>w t2>t1 w>t2")

    def test_only_setups_are_contexts(self):
        self.assertIn("Only setup/teardown tasks can be used as context managers", error(flow("with e('a'): pass")))

    def test_rule_is_fixed(self):
        found = error(flow("@teardown\n@task(trigger_rule='all_done')\ndef t(): pass\nt()"))
        self.assertEqual(found, "ValueError: Trigger rule not configurable for teardown tasks.")


if __name__ == "__main__":
    unittest.main()
