// Package params computes the params of a run and checks them by JSON Schema (draft
// 2020-12). What params are is package dag's matter; who asks for which is the API's.
package params

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/updraft-dev/updraft/dag"
)

// Error says which param has which value and which rules that breaks.
type Error struct {
	Param string
	Value any
	// Rules are sentences such as "maximum: got 99, want 20", with the place inside the
	// value first when it is not the value itself.
	Rules []string
}

// Error names the param, the value and the rules.
func (e *Error) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("param %q has no value, but needs one: %s", e.Param, strings.Join(e.Rules, "; "))
	}
	return fmt.Sprintf("param %q cannot be %s: %s", e.Param, show(e.Value), strings.Join(e.Rules, "; "))
}

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if r := []rune(string(b)); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return string(b)
}

// Merge returns the values of params for a run: defaults of the DAG, then of the task,
// then conf. Keys of conf that are no params are kept, as in Airflow. Nothing is checked.
func Merge(dagParams, taskParams []dag.Param, conf map[string]any) map[string]any {
	out := make(map[string]any, len(dagParams)+len(taskParams)+len(conf))
	for _, p := range slices.Concat(dagParams, taskParams) {
		out[p.Name] = p.Default
	}
	maps.Copy(out, conf)
	return out
}

// Resolve is Merge with every param checked; the error joins an *Error for each that is
// wrong, in the order of the params. A task's param replaces the DAG's of the same name,
// schema included.
func Resolve(dagParams, taskParams []dag.Param, conf map[string]any) (map[string]any, error) {
	values := Merge(dagParams, taskParams, conf)
	var errs []error
	all := slices.Concat(dagParams, taskParams)
	for i, p := range all {
		if slices.ContainsFunc(all[i+1:], func(q dag.Param) bool { return q.Name == p.Name }) {
			continue
		}
		if err := Check(p, values[p.Name]); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return values, nil
}

// Check says whether a param may have a value. It fails with an *Error, or with another
// error for a schema that is wrong itself.
func Check(p dag.Param, value any) error {
	if len(p.Schema) == 0 {
		return nil
	}
	schema, err := compile(p)
	if err != nil {
		return err
	}
	plain, err := asJSON(value)
	if err != nil {
		return &Error{Param: p.Name, Value: value, Rules: []string{err.Error()}}
	}
	if err = schema.Validate(plain); err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return fmt.Errorf("param %q: %w", p.Name, err)
	}
	return &Error{Param: p.Name, Value: value, Rules: rules(invalid)}
}

// CheckSchema says what is wrong with a param's schema.
func CheckSchema(p dag.Param) error {
	if len(p.Schema) == 0 {
		return nil
	}
	_, err := compile(p)
	return err
}

func compile(p dag.Param) (*jsonschema.Schema, error) {
	const url = "mem:param.json"
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(p.Schema))
	if err != nil {
		return nil, fmt.Errorf("param %q: schema: %w", p.Name, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(url, doc); err != nil {
		return nil, fmt.Errorf("param %q: schema: %w", p.Name, err)
	}
	schema, err := c.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("param %q has a bad schema: %s", p.Name, schemaFault(err))
	}
	return schema, nil
}

// schemaFault says why a schema does not compile, without the library's addresses.
func schemaFault(err error) string {
	var bad *jsonschema.SchemaValidationError
	var invalid *jsonschema.ValidationError
	if errors.As(err, &bad) && errors.As(bad.Err, &invalid) {
		return strings.Join(rules(invalid), "; ")
	}
	return err.Error()
}

// noLoader refuses to follow references: a schema must not read files or networks.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("references to %s are not followed: write the schema in full", url)
}

// asJSON gives a value of a DAG file the form that JSON Schema is about.
func asJSON(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, errors.New("it has no JSON form")
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

// rules are the causes at the ends of an error's tree, each once.
func rules(e *jsonschema.ValidationError) []string {
	var out []string
	var walk func(jsonschema.OutputUnit)
	walk = func(u jsonschema.OutputUnit) {
		for _, cause := range u.Errors {
			walk(cause)
		}
		if len(u.Errors) > 0 || u.Error == nil {
			return // it only holds others
		}
		rule := u.Error.String()
		if keyword := u.KeywordLocation[strings.LastIndexByte(u.KeywordLocation, '/')+1:]; !strings.HasPrefix(rule, keyword) && keyword != "" {
			rule = keyword + ": " + rule
		}
		if u.InstanceLocation != "" {
			rule = "at " + u.InstanceLocation + ": " + rule
		}
		if !slices.Contains(out, rule) {
			out = append(out, rule)
		}
	}
	walk(*e.DetailedOutput())
	return out
}
