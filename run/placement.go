package run

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Placement is an operator's word on where new attempts of a DAG run: of some or all of
// its tasks, in a share of its runs. It goes before what the author has written. Where an
// attempt was placed by it is in Instance.Executor.
type Placement struct {
	// Executor is the name of the place.
	Executor string `json:"executor"`
	// Share is of the DAG's runs.
	Share Share `json:"share"`
	// Tasks are the ids of its tasks, or regular expressions for whole ids; none stands for
	// all tasks. What can be an id is one.
	Tasks []string `json:"tasks,omitempty"`

	// By says who placed them, when and why.
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
	// Ended is when it was taken back or replaced, by whom and why; zero while it holds.
	Ended       time.Time `json:"ended,omitzero"`
	EndedBy     string    `json:"ended_by,omitempty"`
	EndedReason string    `json:"ended_reason,omitempty"`
}

// Holds says whether the placement has not been taken back.
func (p *Placement) Holds() bool { return p.Ended.IsZero() }

// Selects says whether a task is one of the placement's.
func (p *Placement) Selects(task string) bool {
	if len(p.Tasks) == 0 {
		return true
	}
	for _, pattern := range p.Tasks {
		if pattern == task {
			return true
		}
		if IsPattern(pattern) {
			if re, err := CompilePattern(pattern); err == nil && re.MatchString(task) {
				return true
			}
		}
	}
	return false
}

// ids are the characters that ids of tasks have.
var ids = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\pL\pN_.-]*$`) })

// IsPattern says whether a word about tasks is a regular expression rather than an id.
func IsPattern(word string) bool { return !ids().MatchString(word) }

// CompilePattern compiles a regular expression for whole ids of tasks.
func CompilePattern(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a task id nor a regular expression: %w", pattern, err)
	}
	return re, nil
}

// Share is a share of runs in hundredths of a percent.
type Share int

// Whole is the share of all runs.
const Whole Share = 100_00

// ParseShare reads a share as people write it: 10%, 0.5%, 100%.
func ParseShare(s string) (Share, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !percent {
		return 0, fmt.Errorf("share is %q: write a percentage, such as 10%%", s)
	}
	if !(x >= 0 && x <= 100) {
		return 0, fmt.Errorf("share is %q: it is from 0%% (none) to 100%% (all runs)", s)
	}
	share := Share(math.Round(x * 100))
	if share == 0 && x > 0 {
		return 0, fmt.Errorf("share is %q: the smallest is 0.01%%", s)
	}
	return share, nil
}

// String writes a share as a percentage.
func (s Share) String() string {
	return strconv.FormatFloat(float64(s)/100, 'f', -1, 64) + "%"
}

// Has says whether a run is in the share. It follows from the names of the run and its DAG
// alone, so that a run stays on its side, and a share that grows only gains runs.
func (s Share) Has(id ID) bool {
	sum := sha256.Sum256([]byte(id.DAG + "\x00" + id.Run))
	return Share(binary.BigEndian.Uint64(sum[:])%uint64(Whole)) < s
}
