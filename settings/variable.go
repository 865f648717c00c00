package settings

import (
	"encoding/json"
	"slices"
)

// Variable is an Airflow variable: a text, often JSON.
type Variable struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
}

// String names the variable without its value.
func (v Variable) String() string { return "variable " + v.Key }

// Validate says what is wrong with the variable, or nil.
func (v *Variable) Validate() error { return checkID("variable key", v.Key) }

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
