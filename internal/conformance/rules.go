package conformance

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
)

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
	// ruleSerialization: Airflow cannot write down, or read back, what it let the author write.
	ruleSerialization = "lost-in-serialization"
	// ruleRounds: dag.test(), which made the recordings, executes all that was ready at once
	// before it looks at what came of it.
	ruleRounds     = "rounds-of-dag-test"
	ruleApproval   = "no-approval-tasks"
	ruleClassHomes = "class-homes"
)

// Rules are the names of the differences that are meant. A case that differs by one of
// them, and by nothing else, counts as one that agrees.
type Rules map[string]bool

// ruleLine is a list item that begins with a rule's name, such as
//
//   - `starved-task` (a fault of Airflow's): ...
var ruleLine = regexp.MustCompile("(?m)^[-*] `([a-z0-9-]+)`(?: \\(a fault of Airflow's\\))?:")

// ReadRules reads the rules of a Markdown file. A file that is not there has none.
func ReadRules(file string) (Rules, error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := Rules{}
	for _, m := range ruleLine.FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = true
	}
	return out, nil
}
