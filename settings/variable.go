package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Variable is an Airflow variable: a text, often JSON.
type Variable struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	// DAGs are those whose tasks may use it; nil is everybody.
	DAGs DAGs `json:"-"`
}

// String names the variable without its value.
func (v Variable) String() string { return "variable " + v.Key }

// Validate says what is wrong with the variable, all of it, or nil.
func (v *Variable) Validate() error {
	err := checkID("variable key", v.Key)
	if bad := v.DAGs.Validate(); bad != nil {
		err = errors.Join(err, fmt.Errorf("variable %s: dags: %w", v.Key, bad))
	}
	return err
}

// Secrets are the texts that must not appear in a log: all of the value if the key is
// sensitive, otherwise what stands under sensitive names in a JSON value.
func (v *Variable) Secrets() []string {
	var out []string
	if Sensitive(v.Key) && v.Value != "" {
		out = append(out, v.Value)
	}
	var parsed any
	if len(v.Value) > 1 && (v.Value[0] == '{' || v.Value[0] == '[') && json.Unmarshal([]byte(v.Value), &parsed) == nil {
		out = sensitiveValues(out, parsed, Sensitive(v.Key))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
