package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// specs is what the classes that Python DAG files import are made from: see
// python/updraft_dags/specs.py.
type specs struct {
	Class       string    `json:"class"`
	Aliases     []string  `json:"aliases,omitempty"`
	Kind        string    `json:"kind,omitempty"`
	TemplateExt []string  `json:"template_ext,omitempty"`
	Args        []argSpec `json:"args,omitempty"`
}

type argSpec struct {
	Name      string      `json:"name"`
	Type      dag.ArgType `json:"type"`
	Required  bool        `json:"required,omitempty"`
	Templated bool        `json:"templated,omitempty"`
	Default   any         `json:"default,omitempty"`
}

// operatorsJSON writes python/updraft_dags/operators.json, an operator a line.
func operatorsJSON(ops []task.Operator) ([]byte, error) {
	var lines []string
	for i := range ops {
		s := &ops[i].Spec
		if !strings.HasPrefix(s.Class, "airflow.") {
			continue // Updraft's own are named in YAML alone
		}
		out := specs{Class: s.Class, Aliases: s.Aliases, Kind: string(s.Kind), TemplateExt: s.TemplateExt}
		for _, a := range s.Args {
			out.Args = append(out.Args, argSpec{Name: a.Name, Type: a.Type, Required: a.Required, Templated: a.Templated, Default: a.Default})
		}
		line, err := json.Marshal(out)
		if err != nil {
			return nil, fmt.Errorf("write the arguments of %s: %w", s.Class, err)
		}
		lines = append(lines, string(line))
	}
	return []byte("[\n" + strings.Join(lines, ",\n") + "\n]\n"), nil
}

// pythonNames writes docs/python.md: the Python package is asked for its own table of names.
func pythonNames() ([]byte, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("python3", "-B", "-m", "updraft_dags.reference")
	cmd.Dir, cmd.Stderr = filepath.Join(root, "python"), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the names that Python DAG files may import: %w", err)
	}
	return append([]byte("# What Python DAG files may import\n\n"+note), out...), nil
}

// moduleRoot is the folder of go.mod: the test runs in another one than `make docs`.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working directory: run it inside of the module")
		}
		dir = parent
	}
}
