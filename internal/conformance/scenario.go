package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// scenario is one line of a scheduling family: what was done to a real Airflow, and
// what it decided.
type scenario struct {
	ID     string `json:"id"`
	Family string `json:"family"`
	Note   string `json:"note"`
	DAG    struct {
		Tasks  []scenarioTask `json:"tasks"`
		Groups []struct {
			ID     string          `json:"id"`
			Group  string          `json:"group"`
			Expand []scenarioInput `json:"expand"`
		} `json:"groups"`
		Edges          [][2]string `json:"edges"`
		MaxActiveRuns  *int        `json:"max_active_runs"`
		MaxActiveTasks *int        `json:"max_active_tasks"`
		Catchup        bool        `json:"catchup"`
		FailFast       bool        `json:"fail_fast"`
		Schedule       string      `json:"schedule"`
		Start          string      `json:"start"`
		End            string      `json:"end"`
	} `json:"dag"`
	Runs []struct {
		ID          string `json:"id"`
		Type        string `json:"type"`
		LogicalDate string `json:"logical_date"`
	} `json:"runs"`
	Pools map[string]struct {
		Slots           int  `json:"slots"`
		IncludeDeferred bool `json:"include_deferred"`
	} `json:"pools"`
	Outcomes map[string][]string `json:"outcomes"`
	Clock    string              `json:"clock"`
	Answer   answer              `json:"answer"`
}

type scenarioTask struct {
	ID                  string          `json:"id"`
	Upstream            []string        `json:"upstream"`
	Group               string          `json:"group"`
	Kind                string          `json:"kind"`
	IgnoreDownstream    *bool           `json:"ignore_downstream_trigger_rules"`
	Expand              []scenarioInput `json:"expand"`
	Setup               bool            `json:"setup"`
	Teardown            bool            `json:"teardown"`
	OnFailureFailDagrun bool            `json:"on_failure_fail_dagrun"`
	Retries             int             `json:"retries"`
	TriggerRule         string          `json:"trigger_rule"`
	DependsOnPast       bool            `json:"depends_on_past"`
	WaitForDownstream   bool            `json:"wait_for_downstream"`
	IgnoreFirst         *bool           `json:"ignore_first_depends_on_past"`
	Pool                string          `json:"pool"`
	PoolSlots           int             `json:"pool_slots"`
	PriorityWeight      *int            `json:"priority_weight"`
	WeightRule          string          `json:"weight_rule"`
	MaxActivePerDAG     int             `json:"max_active_tis_per_dag"`
	MaxActivePerRun     int             `json:"max_active_tis_per_dagrun"`
}

type scenarioInput struct {
	Literal *int   `json:"literal"`
	XCom    string `json:"xcom"`
	As      string `json:"as"`
}

type stateMap map[string]map[string]*string

type answer struct {
	Edges   [][2]string `json:"edges"`
	Initial snapshotOf  `json:"initial"`
	Steps   []step      `json:"steps"`
	Final   struct {
		snapshotOf
		Tries map[string]map[string][2]int `json:"tries"`
	} `json:"final"`
	Weights map[string]int `json:"weights"`
}

type snapshotOf struct {
	Runs   map[string]string `json:"runs"`
	States stateMap          `json:"states"`
}

type step struct {
	Actions []struct {
		Action action            `json:"action"`
		Runs   map[string]string `json:"runs"`
		States stateMap          `json:"states"`
	} `json:"actions"`
	Queued  json.RawMessage   `json:"queued"`
	States  stateMap          `json:"states"`
	Runs    map[string]string `json:"runs"`
	Starved json.RawMessage   `json:"starved"`
	Tied    bool              `json:"tied"`
	Done    [][4]string       `json:"done"`
	Side    stateMap          `json:"side"`
}

type action struct {
	Do           string   `json:"do"`
	Run          string   `json:"run"`
	Tasks        []string `json:"tasks"`
	Task         string   `json:"task"`
	Group        string   `json:"group"`
	State        string   `json:"state"`
	OnlyFailed   bool     `json:"only_failed"`
	Downstream   bool     `json:"downstream"`
	Upstream     bool     `json:"upstream"`
	Future       bool     `json:"future"`
	Past         bool     `json:"past"`
	ResetDagRuns *bool    `json:"reset_dag_runs"`
}

// dagID is the id that every recorded DAG gets.
const dagID = "recorded"

// compile builds the scenario's DAG, through the same words an author's DAG has.
func (s *scenario) compile() (*dag.Graph, error) {
	d := &dag.DAG{ID: dagID, MaxActiveRuns: 100, MaxActiveTasks: 1000, Catchup: s.DAG.Catchup, FailFast: s.DAG.FailFast}
	if s.DAG.MaxActiveRuns != nil {
		d.MaxActiveRuns = *s.DAG.MaxActiveRuns
	}
	if s.DAG.MaxActiveTasks != nil {
		d.MaxActiveTasks = *s.DAG.MaxActiveTasks
	}
	if s.DAG.Schedule != "" {
		d.Schedule = dag.ScheduleFromText(s.DAG.Schedule, "UTC", dag.ScheduleCompat{})
	}
	for text, to := range map[string]**time.Time{s.DAG.Start: &d.StartDate, s.DAG.End: &d.EndDate} {
		if text == "" {
			continue
		}
		t, err := parseDate(text)
		if err != nil {
			return nil, err
		}
		*to = &t
	}
	for _, g := range s.DAG.Groups {
		d.Groups = append(d.Groups, &dag.Group{ID: g.ID, Parent: g.Group, Expand: mapping(g.Expand)})
	}
	for _, st := range s.DAG.Tasks {
		d.Tasks = append(d.Tasks, st.task())
	}
	return s.connect(d)
}

func (s *scenario) connect(d *dag.DAG) (*dag.Graph, error) {
	for _, st := range s.DAG.Tasks {
		ups := st.Upstream
		for _, in := range st.Expand {
			if in.XCom != "" {
				ups = append(ups, in.XCom)
			}
		}
		for _, up := range ups {
			if err := d.Connect(up, st.ID); err != nil {
				return nil, err
			}
		}
	}
	for _, g := range s.DAG.Groups {
		for _, in := range g.Expand {
			if in.XCom == "" {
				continue
			}
			if err := d.Connect(in.XCom, g.ID); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range s.DAG.Edges {
		if err := d.Connect(e[0], e[1]); err != nil {
			return nil, err
		}
	}
	return dag.NewGraph(d)
}

func parseDate(text string) (time.Time, error) {
	if !strings.Contains(text, "T") {
		text += "T00:00:00"
	}
	if !strings.HasSuffix(text, "Z") && !strings.Contains(text, "+") {
		text += "Z"
	}
	return time.Parse(time.RFC3339, text)
}

func mapping(in []scenarioInput) *dag.Mapping {
	if len(in) == 0 {
		return nil
	}
	m := &dag.Mapping{}
	for i, a := range in {
		arg := dag.MappedArg{Name: fmt.Sprintf("arg%d", i)}
		if a.XCom != "" {
			arg.XCom = &dag.XComRef{Task: a.XCom}
		} else if a.Literal != nil {
			list := make([]any, *a.Literal)
			for k := range list {
				list[k] = int64(k)
			}
			arg.Literal = list
		}
		if a.As == "kwargs" {
			return &dag.Mapping{Kwargs: &arg}
		}
		m.Args = append(m.Args, arg)
	}
	return m
}

func (st *scenarioTask) task() *dag.Task {
	t := dag.NewTask(st.ID, st.Kind)
	t.Group, t.Expand, t.RetryDelay = st.Group, mapping(st.Expand), 0
	t.Inert = st.Kind == "empty"
	t.Setup, t.Teardown, t.OnFailureFailDagrun = st.Setup, st.Teardown, st.OnFailureFailDagrun
	t.Retries, t.DependsOnPast, t.WaitForDownstream = st.Retries, st.DependsOnPast || st.WaitForDownstream, st.WaitForDownstream
	t.MaxActivePerDAG, t.MaxActivePerRun = st.MaxActivePerDAG, st.MaxActivePerRun
	if st.Teardown {
		t.TriggerRule = dag.AllDoneSetupSuccess
	}
	if st.TriggerRule != "" {
		t.TriggerRule = dag.TriggerRule(st.TriggerRule)
	}
	if st.IgnoreFirst != nil {
		t.IgnoreFirstDependsOnPast = *st.IgnoreFirst
	}
	if st.Pool != "" {
		t.Pool = st.Pool
	}
	if st.PoolSlots > 0 {
		t.PoolSlots = st.PoolSlots
	}
	if st.PriorityWeight != nil {
		t.PriorityWeight = *st.PriorityWeight
	}
	if st.WeightRule != "" {
		t.WeightRule = dag.WeightRule(st.WeightRule)
	}
	return t
}

func stateText(s run.State) *string {
	if s == run.None {
		return nil
	}
	t := s.String()
	return &t
}
