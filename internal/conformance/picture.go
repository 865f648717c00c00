package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// picture shows a scenario in a few lines: each task with what it waits for and what
// is special about it, the runs, and what the tasks do.
func (s *scenario) picture() string {
	var b strings.Builder
	if s.Note != "" {
		b.WriteString(s.Note + "\n")
	}
	b.WriteString("dag" + words(map[string]any{
		"schedule": s.DAG.Schedule, "start": s.DAG.Start, "end": s.DAG.End, "catchup": s.DAG.Catchup, "fail_fast": s.DAG.FailFast,
		"max_active_runs": s.DAG.MaxActiveRuns, "max_active_tasks": s.DAG.MaxActiveTasks,
	}) + "\n")
	for _, g := range s.DAG.Groups {
		b.WriteString("  group " + g.ID + expandText(g.Expand) + "\n")
	}
	for _, t := range s.DAG.Tasks {
		b.WriteString("  " + t.text() + "\n")
	}
	for _, e := range s.DAG.Edges {
		b.WriteString("  " + e[0] + " -> " + e[1] + "\n")
	}
	for _, r := range s.Runs {
		fmt.Fprintf(&b, "run %s %s %s\n", r.ID, r.Type, r.LogicalDate)
	}
	for _, name := range sortedKeys(s.Pools) {
		p := s.Pools[name]
		b.WriteString("pool " + name + words(map[string]any{"slots": p.Slots, "include_deferred": p.IncludeDeferred}) + "\n")
	}
	for _, name := range sortedKeys(s.Outcomes) {
		b.WriteString("does " + name + ": " + strings.Join(s.Outcomes[name], ", ") + "\n")
	}
	return b.String()
}

func (st *scenarioTask) text() string {
	text := st.ID
	if len(st.Upstream) > 0 {
		text += " <- " + strings.Join(st.Upstream, " ")
	}
	text += expandText(st.Expand)
	// What is left is shown under the names that the recording has for it.
	raw, err := json.Marshal(st)
	rest := map[string]any{}
	if err == nil {
		err = json.Unmarshal(raw, &rest)
	}
	if err != nil {
		return text
	}
	for _, done := range []string{"id", "upstream", "expand"} {
		delete(rest, done)
	}
	return text + words(rest)
}

func expandText(in []scenarioInput) string {
	var parts []string
	for _, a := range in {
		part := a.XCom
		if a.Literal != nil {
			part = fmt.Sprint(*a.Literal)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return " *" + strings.Join(parts, "*")
}

// words writes what is not zero as " key=value", by key.
func words(m map[string]any) string {
	var parts []string
	for k, v := range m {
		switch x := v.(type) {
		case *int:
			if x == nil {
				continue
			}
			v = *x
		case nil:
			continue
		case bool:
			if !x {
				continue
			}
			parts = append(parts, " "+k)
			continue
		}
		if text := fmt.Sprint(v); text != "" && text != "0" {
			parts = append(parts, " "+k+"="+text)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "")
}

// String shows an action as the recording has it.
func (a action) String() string {
	raw, err := json.Marshal(a)
	m := map[string]any{}
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return a.Do
	}
	delete(m, "do")
	for k, v := range m {
		if v == "" {
			delete(m, k)
		}
	}
	return a.Do + words(m)
}
