"""Mapped tasks and groups, and what is made of outputs."""
import unittest

from dagfiles import arrows, dag, error, tasks
from test_dags_author import HEAD, with_dag

from updraft_dags import locate, mode, parse, scope  # noqa: F401
from updraft_dags.providers import classes

TASKS = """
@task
def xs(): return [1]
@task
def f(x, y=0, **kw): return x
"""


def xcom(name, key=""):
    """The JSON of an output."""
    return {"__type": "xcom", "task": name, "key": key}


class Tasks(unittest.TestCase):
    def check(self, body, name, want):
        found = tasks(with_dag(TASKS + body))[name]
        self.assertEqual(found["expand"], want)
        return found

    def test_functions(self):
        found = self.check("f.partial(y=1).expand(x=xs())", "f", {"args": [{"name": "op_kwargs.x", "xcom": {"Task": "xs", "Key": ""}}]})
        self.assertEqual((found["upstream"], found["args"]["op_kwargs"]), (["xs"], {"y": 1}))
        self.check("f.expand(x=[1, {'a': 2}], y={'k': 1})", "f", {"args": [
            {"name": "op_kwargs.x", "literal": [1, {"a": 2}]}, {"name": "op_kwargs.y", "literal": {"k": 1}}]})
        self.check("f.expand_kwargs([{'x': 1}, {'x': 2, 'y': 3}])", "f", {"kwargs": {"name": "op_kwargs", "literal": [{"x": 1}, {"x": 2, "y": 3}]}})
        self.check("f.expand_kwargs(xs())", "f", {"kwargs": {"name": "op_kwargs", "xcom": {"Task": "xs", "Key": ""}}})

    def test_operators(self):
        found = self.check("BashOperator.partial(task_id='b', cwd='/', retries=2).expand(bash_command=xs()['k'])", "b",
                           {"args": [{"name": "bash_command", "xcom": {"Task": "xs", "Key": "k"}}]})
        self.assertEqual((found["args"], found["retries"], found["upstream"]), ({"cwd": "/"}, 2, ["xs"]))
        self.check("BashOperator.partial(task_id='b').expand_kwargs([{'bash_command': 'x'}])", "b",
                   {"kwargs": {"literal": [{"bash_command": "x"}]}})

    def test_defaults(self):
        found = tasks(with_dag("BashOperator.partial(task_id='b').expand(env=[{}])", "default_args={'retries': 2, 'bash_command': 'x'}"))["b"]
        self.assertEqual((found["retries"], found["args"]), (2, {"bash_command": "x"}))

    def test_made_of_outputs(self):
        def made(body):
            return tasks(with_dag(TASKS + "a, b = xs(), xs()\n" + body))["f"]["expand"]["args"][0]["literal"]
        plain = {"__type": "derived", "callables": [], "fill": None, "filled": False}
        self.assertEqual(made("f.expand(x=a.zip(b, [1]))"), {**plain, "kind": "zip", "of": [xcom("xs"), xcom("xs__1"), [1]]})
        self.assertEqual(made("f.expand(x=a.zip(b, fillvalue='-'))"),
                         {**plain, "kind": "zip", "of": [xcom("xs"), xcom("xs__1")], "fill": "-", "filled": True})
        self.assertEqual(made("f.expand(x=a.concat(b).concat(a))")["of"], [xcom("xs"), xcom("xs__1"), xcom("xs")])
        mapped = made("f.expand(x=a.map(lambda v: v).map(str))")
        self.assertEqual((mapped["kind"], mapped["of"], [c.get("name") or c["path"] for c in mapped["callables"]]),
                         ("map", [xcom("xs")], ["mapping.value.x.callables.0", "builtins.str"]))
        self.assertEqual(arrows(with_dag(TASKS + "a, b = xs(), xs()\nf.expand(x=a.zip(b).map(str))")), "xs>f xs__1>f")

    def test_refused(self):
        for body, want in {
            "f.expand()": "TypeError: no arguments to expand against",
            "f.partial(x=1).expand(x=[1])": "TypeError: mapping already partial argument: 'x'",
            "f.expand(x='text')": "ValueError: expand() got an unexpected type 'str' for keyword argument 'x'",
            "BashOperator.partial(task_id='a').expand(nope=[1])": "TypeError: BashOperator.expand() got an unexpected keyword argument 'nope'",
            "BashOperator.partial(task_id='a', nope=1)": "TypeError: BashOperator.partial() got an unexpected keyword argument 'nope'",
            "BashOperator.partial(task_id='a', env={}).expand(env=[{}])": "TypeError: unmappable or already specified argument: 'env'",
            "BashOperator.partial(task_id='a').expand(retries=[1])": "TypeError: unmappable or already specified argument: 'retries'",
            "f.expand_kwargs(5)": "TypeError: expected XComArg or list[dict], not int",
            "xs().map(f)": "ValueError: map() argument must be a plain function, not a @task operator",
            "iter(xs())": "TypeError: 'XComArg' object is not iterable",
            "xs()[5]": "ValueError: XComArg only supports str lookup, received int",
        }.items():
            with self.subTest(body):
                self.assertEqual(error(with_dag(TASKS + body)), want)

    def test_own_operator(self):
        found = tasks(HEAD + """
class Own(BaseOperator):
    template_fields = ("a",)
    def __init__(self, a, b=None, **kw):
        super().__init__(**kw)
        self.a, self.b = a, b
with DAG("d", schedule=None) as dag:
    Own.partial(task_id="o", a="{{ ds }}").expand(b=[1, 2])
""")["o"]
        self.assertEqual(found["args"]["fields"], {"a": "{{ ds }}"})
        self.assertEqual(found["expand"], {"args": [{"name": "kwargs.b", "literal": [1, 2]}]})

    def test_unmap(self):
        scope.use(scope.Scope())
        mode.use(mode.Mode())
        bash = getattr(classes, "airflow.providers.standard.operators.bash.BashOperator")
        mapped = bash.partial(task_id="b", cwd="/", retries=2).expand(bash_command=["x"])
        made = mapped.unmap({"bash_command": "x"})
        self.assertEqual((made.task_id, made.bash_command, made.cwd, made.retries), ("b", "x", "/", 2))


class Groups(unittest.TestCase):
    SOURCE = with_dag("""
@task
def pages(): return [1, 2]
@task
def use(x, size): return x
@task_group
def each(page, size=3):
    return use(use(page, size), {"deep": page})
@task
def done(x): pass
done(each.partial(size=5).expand(page=pages()))
""")

    def test_expand(self):
        found = dag(self.SOURCE)
        self.assertEqual(found["groups"], [
            {"group_id": "each", "expand": {"args": [{"name": "page", "xcom": {"Task": "pages", "Key": ""}}]}}])
        first, second = found["tasks"][1:3]
        self.assertEqual(first["args"]["op_args"], [{"__type": "group_arg", "name": "page"}, 5])
        self.assertEqual(second["args"]["op_args"][1], {"deep": {"__type": "group_arg", "name": "page"}})
        self.assertEqual(arrows(self.SOURCE), "each.use>each.use__1 each.use__1>done pages>each.use pages>each.use__1")

    def test_refused(self):
        head = "@task_group\ndef g(x): pass\n"
        self.assertEqual(error(with_dag(head + "g.expand()")), "TypeError: no arguments to expand against")
        self.assertIn("unexpected keyword argument 'y'", error(with_dag(head + "g.expand(y=[1])")))
        self.assertIn("cannot be iterated", error(with_dag("@task_group\ndef g(x):\n    list(x)\ng.expand(x=[1])")))


class Locate(unittest.TestCase):
    def test_everything_named_is_found(self):
        import os
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "d.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write("from datetime import datetime\n" + with_dag(
                    TASKS + "a = xs()\nf.expand(x=a.map(lambda v: v + 1))\nPythonOperator(task_id='p', python_callable=lambda: 7, op_kwargs={'k.x': print})",
                    "schedule=None, on_failure_callback=[lambda c: 5]"))
            found = parse.load(path, folder)
        self.assertEqual(locate.locate(found, "d", "p", "python_callable")(), 7)
        self.assertIs(locate.locate(found, "d", "p", "op_kwargs.k.x"), print)
        self.assertEqual(locate.locate(found, "d", "", "on_failure_callback.0")({}), 5)
        self.assertEqual(locate.locate(found, "d", "f", "mapping.value.x.callables.0")(1), 2)
        self.assertEqual(locate.locate(found, "d", "f", "partial_kwargs.python_callable")(3), 3)
        for wrong in (("e", "", "x"), ("d", "nope", "x"), ("d", "p", "nope"), ("d", "p", "op_kwargs.nope"), ("d", "", "on_failure_callback.7")):
            with self.subTest(wrong), self.assertRaises(Exception) as caught:
                locate.locate(found, *wrong)
            self.assertIn("NotFound", type(caught.exception).__name__)


if __name__ == "__main__":
    unittest.main()
