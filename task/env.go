package task

import (
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// isoTime is how Airflow writes times in the environment and in run ids.
func isoTime(t time.Time) string {
	t = t.UTC()
	if t.Nanosecond()/1000 != 0 {
		return t.Format("2006-01-02T15:04:05.000000") + "+00:00"
	}
	return t.Format("2006-01-02T15:04:05") + "+00:00"
}

// contextEnv is Attempt.Env; there are none for what no process is started for.
func (x *execution) contextEnv() []string {
	if x.env == nil && x.op != nil && x.op.Spec.Kind != dag.OperatorInert {
		x.env = x.makeEnv()
	}
	return x.env
}

// makeEnv makes Airflow's AIRFLOW_CTX_* variables and the same as UPDRAFT_*, with
// what Airflow leaves out: map index, interval, host.
func (x *execution) makeEnv() []string {
	a, i := &x.a, x.w.Instance
	try := strconv.Itoa(i.Try)
	both := [][2]string{
		{"DAG_OWNER", a.Task.Owner}, {"DAG_ID", a.DAG.ID}, {"TASK_ID", a.Task.ID}, {"TRY_NUMBER", try}, {"DAG_RUN_ID", a.Run.Run},
	}
	if len(a.Task.Email) > 0 {
		both = append(both, [2]string{"DAG_EMAIL", strings.Join(a.Task.Email, ",")})
	}
	if a.Run.LogicalDate != nil {
		date := isoTime(*a.Run.LogicalDate)
		both = append(both, [2]string{"LOGICAL_DATE", date}, [2]string{"EXECUTION_DATE", date})
	}
	env := make([]string, 0, 2*len(both)+6)
	for _, kv := range both {
		env = append(env, "AIRFLOW_CTX_"+kv[0]+"="+kv[1])
	}
	for _, kv := range both {
		env = append(env, "UPDRAFT_"+kv[0]+"="+kv[1])
	}
	env = append(env, "UPDRAFT_MAP_INDEX="+strconv.Itoa(i.Map))
	if a.Run.IntervalStart != nil && a.Run.IntervalEnd != nil {
		env = append(env, "UPDRAFT_DATA_INTERVAL_START="+isoTime(*a.Run.IntervalStart), "UPDRAFT_DATA_INTERVAL_END="+isoTime(*a.Run.IntervalEnd))
	}
	return env
}
