package settings

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/store"
)

// DAGs are the DAGs whose tasks may use a connection or variable: ids, or patterns in which
// * stands for any text. Nil and empty are everybody; what the difference is where one is
// stored, [Registry.PutConnection] says.
type DAGs []string

// Everybody lifts the limit of a connection or variable that is stored with it.
func Everybody() DAGs { return DAGs{} }

// ParseDAGs reads a list such as etl,report_*; - is Everybody.
func ParseDAGs(text string) (DAGs, error) {
	if strings.TrimSpace(text) == "-" {
		return Everybody(), nil
	}
	var out DAGs
	for id := range strings.SplitSeq(text, ",") {
		out = append(out, strings.TrimSpace(id))
	}
	return out, out.Validate()
}

// Validate says what is wrong with the list, all of it, or nil.
func (d DAGs) Validate() error {
	var faults []error
	for _, id := range d {
		// What a pattern matches has to be an id; anything else would never match.
		if id == "" || dag.CheckID(strings.ReplaceAll(id, "*", "x")) != "" {
			faults = append(faults, fmt.Errorf("%q is no DAG id: write ids, or patterns such as report_*, with commas in between, or - for all", id))
		}
	}
	return errors.Join(faults...)
}

// Limited says that not everybody is meant.
func (d DAGs) Limited() bool { return len(d) > 0 }

// Allow says whether tasks of a DAG may use it. An empty id is a DAG that is not known yet:
// it is allowed what everybody is.
func (d DAGs) Allow(id string) bool {
	if !d.Limited() {
		return true
	}
	for _, pattern := range d {
		// An error is a pattern that Validate refuses, which allows nothing.
		if ok, err := path.Match(pattern, id); ok && err == nil && id != "" {
			return true
		}
	}
	return false
}

// String is the list as ParseDAGs reads it.
func (d DAGs) String() string {
	if !d.Limited() {
		return "-"
	}
	return strings.Join(d, ",")
}

// DeniedError says that a DAG may not use a connection or variable.
type DeniedError struct {
	Kind store.Kind
	ID   string
	// DAG is the one that asked; empty for a DAG file that is being read.
	DAG string
	// DAGs are those that may, and From says where that is written if it is not the store.
	DAGs DAGs
	From string
}

// Error names the DAG, what it asked for, and how to allow it.
func (e *DeniedError) Error() string {
	names := strings.Join(e.DAGs, ", ")
	if e.DAG == "" {
		return fmt.Sprintf("%s `%s` is limited to the DAGs %s, and a DAG file is read for none of them: read it in a task, or %s",
			e.Kind, e.ID, names, e.remedy("let everybody use it", Everybody()))
	}
	return fmt.Sprintf("DAG %s may not use %s `%s`, which is limited to %s: %s",
		e.DAG, e.Kind, e.ID, names, e.remedy("allow it", append(e.DAGs[:len(e.DAGs):len(e.DAGs)], e.DAG)))
}

func (e *DeniedError) remedy(what string, dags DAGs) string {
	if e.From != "" {
		return fmt.Sprintf("%s by its `dags` in %s", what, e.From)
	}
	return fmt.Sprintf("%s with `updraft %ss edit %s --dags %s`", what, e.Kind, e.ID, shellWord(dags.String()))
}

// shellWord quotes a list with a pattern, which a shell would take for files.
func shellWord(s string) string {
	if strings.Contains(s, "*") {
		return "'" + s + "'"
	}
	return s
}

// Limit is a connection or variable of the store that not everybody may use.
type Limit struct {
	ID   string
	DAGs DAGs
	// Hidden is where a value of the same name comes from that is used in its place, with
	// limits of its own or none; empty if there is none. The service for secrets is not asked.
	Hidden string
}

// limitPrefix begins a stored value that is limited: "updraft-dags1:<list>\n" and then the
// value as it would be otherwise. The list is in clear, so that it can be shown without a
// key; a sealed value opens only with the list that it was sealed with.
const limitPrefix = "updraft-dags1:"

// addLimit puts the list before a value.
func addLimit(d DAGs, value []byte) []byte {
	if !d.Limited() {
		return value
	}
	return append([]byte(limitPrefix+d.String()+"\n"), value...)
}

// cutLimit is the inverse of addLimit.
func cutLimit(stored []byte) (DAGs, []byte, error) {
	rest, ok := bytes.CutPrefix(stored, []byte(limitPrefix))
	if !ok {
		return nil, stored, nil
	}
	list, value, ok := bytes.Cut(rest, []byte("\n"))
	d, err := ParseDAGs(string(list))
	if !ok || err != nil || !d.Limited() {
		return nil, nil, fmt.Errorf("%w: its list of DAGs is not readable: set it again, with --dags", store.ErrCorrupt)
	}
	return d, value, nil
}

// dagsValue reads the field dags of a file: a list, or what ParseDAGs reads.
func dagsValue(v any) (DAGs, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return ParseDAGs(v)
	case []any:
		out := Everybody()
		for _, e := range v {
			id, ok := e.(string)
			if !ok {
				return nil, errors.New("dags is not a list of DAG ids")
			}
			out = append(out, id)
		}
		return out, out.Validate()
	default:
		return nil, errors.New("dags is not a list of DAG ids")
	}
}
