package conformance

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
)

// Rule is one difference from Airflow that is meant, as docs/differences.md lists it.
type Rule struct {
	Name string
	// Fault says that it is a fault of Airflow's own, which its recordings are set apart
	// for: a case agrees if it does so up to there.
	Fault bool
}

// The rules that a replay can tell by itself: each function that sets a case apart
// names one. A rule counts only while docs/differences.md lists it.
const (
	// ruleStarved: Airflow looks at the first candidates only, and those that do not fit
	// hide the ones behind them.
	ruleStarved = "starved-task"
	// ruleStoppedTimetable: Airflow's timetables fail for ever, or for a while, around
	// some clock changes.
	ruleStoppedTimetable = "stopped-timetable"
	ruleDocObjects       = "doc-objects"
	ruleDocCallable      = "doc-callable"
	ruleFailFast         = "fail-fast"
	ruleJSONBody         = "json-body"
	ruleDefaultsFile     = "defaults-file"
	ruleCallbackList     = "callback-list"
	ruleOldPaths         = "old-import-paths"
)

// Rules are the differences by name.
type Rules map[string]Rule

// ruleLine is a list item that begins with a rule's name, such as
//
//   - `starved-task` (a fault of Airflow's): ...
var ruleLine = regexp.MustCompile("(?m)^[-*] `([a-z0-9-]+)`( \\(a fault of Airflow's\\))?:")

// ReadRules reads the rules of a Markdown file. A file that is not there has none.
func ReadRules(file string) (Rules, error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := Rules{}
	for _, m := range ruleLine.FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = Rule{Name: m[1], Fault: m[2] != ""}
	}
	return out, nil
}
