package pyfile

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/python"
)

// error says why the file cannot be used and what to do.
func (a *answer) error() []dagfile.Problem {
	e := a.parsed.Error
	p := dagfile.Problem{File: cmp.Or(e.File, a.file), Line: e.Line, Message: oneLine(e.Error()), Hint: a.remedy(e)}
	switch {
	case len(e.Missing) > 0 && foreign(e) != "":
		p.Message += "; and " + missing(e.Missing)
	case len(e.Missing) > 0:
		p.Message = missing(e.Missing)
	}
	p.Excerpt = a.excerpt(p.File, e.Line)
	return []dagfile.Problem{p}
}

// missing names what the file wants of Airflow and Updraft does not have.
func missing(names []python.MissingName) string {
	parts := make([]string, 0, len(names))
	for _, n := range names {
		part := n.Name
		if n.Package != "" {
			part += " (of " + n.Package + ")"
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return "Updraft does not have " + strings.Join(parts, ", ")
}

var (
	noModule     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^No module named '([^']+)'`) })
	noVariable   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^'Variable (\S+) does not exist'$`) })
	noConnection = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^The conn_id `([^`]+)` isn't defined$") })
)

// foreign is the module that stopped the file, if it is not one of Airflow's.
func foreign(e *python.ParseError) string {
	m := noModule().FindStringSubmatch(e.Message)
	if m == nil || m[1] == "airflow" || strings.HasPrefix(m[1], "airflow.") {
		return ""
	}
	return m[1]
}

// remedy is what the author can do about an error; empty if its message says it all.
func (a *answer) remedy(e *python.ParseError) string {
	class := e.Type[strings.LastIndexByte(e.Type, '.')+1:]
	switch {
	case foreign(e) != "":
		out := fmt.Sprintf("install it for the interpreter that setting python names, or put %s.py in the folder of DAG files",
			strings.ReplaceAll(foreign(e), ".", "/"))
		if len(e.Missing) > 0 {
			out += "; " + a.instead(e.Missing)
		}
		return out
	case len(e.Missing) > 0:
		return a.instead(e.Missing)
	case class == "KeyError" && noVariable().MatchString(e.Message):
		name := noVariable().FindStringSubmatch(e.Message)[1]
		return fmt.Sprintf("set it with `updraft variables set %s …` or AIRFLOW_VAR_%s, or give Variable.get a default", name, strings.ToUpper(name))
	case class == "AirflowNotFoundException" && noConnection().MatchString(e.Message):
		name := noConnection().FindStringSubmatch(e.Message)[1]
		return fmt.Sprintf("set it with `updraft connections set %s …` or AIRFLOW_CONN_%s, or ask for it inside of a task", name, strings.ToUpper(name))
	case class == "TypeError" && a.parsed.Compat == 3 && onlyOf2(e.Message):
		return "Airflow 3 does not have this argument: with setting airflow_compat 2 it means what it did in Airflow 2"
	case class == "KeyError" && strings.Contains(e.Traceback, "os.environ"):
		return "DAG files see no environment that may hold secrets: name what they need in setting dag_file_env"
	}
	return ""
}

// onlyOf2 says that a TypeError is about an argument that Airflow 2 had.
func onlyOf2(message string) bool {
	names := []string{
		"schedule_interval", "timetable", "concurrency", "task_concurrency", "default_view", "orientation", "fail_stop", "provide_context",
		"execution_date", "full_filepath",
	}
	return slices.ContainsFunc(names, func(n string) bool { return strings.Contains(message, "'"+n+"'") })
}

// asksPeople is the remedy for tasks that wait for somebody's answer.
const asksPeople = "tasks that ask people need a web page to answer on, which Updraft does not have: let a PythonSensor wait for a variable " +
	"that somebody sets with `updraft variables set`, and branch by it"

// instead names the two ways out for names that are missing.
func (a *answer) instead(names []python.MissingName) string {
	others := slices.DeleteFunc(slices.Clone(names), func(n python.MissingName) bool { return strings.Contains(n.Name, ".hitl") })
	if len(others) == 0 {
		return asksPeople
	}
	if len(others) < len(names) {
		return a.instead(others) + "; " + asksPeople
	}
	var natives []string
	core := true // parts of Airflow itself, which no package of an operator replaces
	for _, n := range names {
		native := cmp.Or(n.Instead, a.native(n.Name))
		if native != "" && !slices.Contains(natives, native) {
			natives = append(natives, native)
		}
		core = core && !strings.HasPrefix(n.Name, "airflow.providers.") && !strings.HasPrefix(n.Name, "airflow.contrib.")
	}
	switch {
	case len(natives) == 0 && core:
		return "do without: docs/python.md lists what Updraft has of Airflow itself"
	case len(natives) == 0:
		natives = []string{"airflow.providers.standard.operators.python.PythonOperator with the package's own client"}
	}
	return "use " + strings.Join(natives, " or ") + ", or wait until Updraft runs tasks with the Task SDK of Airflow itself"
}

// families are endings of class names, and the operator that does most of what those do.
var families = []struct{ part, native string }{
	{"HttpSensor", "HttpSensor"}, {"HttpOperator", "HttpOperator"}, {"SqlSensor", "SqlSensor"}, {"SQLSensor", "SqlSensor"},
	{"Sensor", "PythonSensor"},
	{"ColumnCheck", "SQLColumnCheckOperator"}, {"TableCheck", "SQLTableCheckOperator"},
	{"Query", "SQLExecuteQueryOperator"}, {"SQL", "SQLExecuteQueryOperator"}, {"Sql", "SQLExecuteQueryOperator"},
	{"Postgres", "SQLExecuteQueryOperator"}, {"Snowflake", "SQLExecuteQueryOperator"}, {"Redshift", "SQLExecuteQueryOperator"},
	{"Email", "EmailOperator"}, {"Smtp", "EmailOperator"},
	{"Bash", "BashOperator"}, {"SSH", "BashOperator"}, {"Submit", "BashOperator"},
	{"Webhook", "HttpOperator"}, {"Slack", "HttpOperator"}, {"Rest", "HttpOperator"}, {"Api", "HttpOperator"},
	{"TriggerDag", "TriggerDagRunOperator"}, {"Dummy", "EmptyOperator"},
}

// native is the operator that comes nearest to a missing class, or empty.
func (a *answer) native(name string) string {
	class := name[strings.LastIndexByte(name, '.')+1:]
	if !strings.Contains(class, "Operator") && !strings.Contains(class, "Sensor") {
		return ""
	}
	wanted := []string{class}
	for _, f := range families {
		if strings.Contains(class, f.part) {
			wanted = append(wanted, f.native)
		}
	}
	for _, w := range wanted {
		for _, s := range a.c.Catalog.Specs() {
			if s.Class[strings.LastIndexByte(s.Class, '.')+1:] == w {
				return s.Class
			}
		}
	}
	return ""
}
