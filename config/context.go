package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

const (
	// ContextsName is the name of the file of contexts in UPDRAFT_HOME.
	ContextsName = "contexts.yaml"
	// NoContext is the name that stands for no context: what runs on this machine.
	NoContext = "local"
	// contextVariable names the context to use.
	contextVariable = "UPDRAFT_CONTEXT"
)

// Contexts are named sets of settings, each those of one installation, and which of them is
// in use unless UPDRAFT_CONTEXT or --context says otherwise.
type Contexts struct {
	// Current is the name of one, or empty.
	Current  string             `yaml:"current,omitempty"`
	Contexts map[string]Context `yaml:"contexts,omitempty"`
}

// Context is one of them.
type Context struct {
	// Stack is the stack of CloudFormation that the settings were read from, if any.
	Stack string `yaml:"stack,omitempty"`
	// Settings are values by setting name; they count before those of the file updraft.yaml.
	Settings map[string]string `yaml:"settings"`
}

// ReadContexts reads the contexts of a home. Without a file there are none.
func ReadContexts(home string) (Contexts, error) {
	path := filepath.Join(home, ContextsName)
	var out Contexts
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("read the contexts: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(b, &out, yaml.Strict()); err != nil {
		return out, fmt.Errorf("%s is no file of contexts: mend or remove it: %w", path, err)
	}
	return out, nil
}

// Write replaces the contexts of a home, which is made if it is not there.
func (c *Contexts) Write(home string) error {
	b, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the contexts: %w", err)
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("write the contexts: %w", err)
	}
	tmp, err := os.CreateTemp(home, ContextsName+".*")
	if err != nil {
		return fmt.Errorf("write the contexts: %w", err)
	}
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(home, ContextsName))
	}
	if err != nil {
		return fmt.Errorf("write the contexts: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// CheckContextName says what is wrong with the name of a context.
func CheckContextName(name string) error {
	if name == NoContext {
		return fmt.Errorf("%q stands for no context, what runs on this machine: choose another name", name)
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == '=' }) {
		return fmt.Errorf("%q is no name of a context: use letters, digits and dashes", name)
	}
	return nil
}

// CheckSettings says which of the settings of a context do not exist.
func (c *Context) CheckSettings() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		if !slices.ContainsFunc(keys(), func(k key) bool { return k.name == name }) {
			faults = append(faults, fmt.Errorf("there is no setting %q: `updraft config list` shows those there are", name))
		}
	}
	return errors.Join(faults...)
}

// useContext finds the context in use and returns its settings, which are the caller's.
func (c *Config) useContext(in Input) (map[string]string, error) {
	all, err := ReadContexts(c.Home)
	if err != nil {
		return nil, err
	}
	s := Setting{Name: "context", Env: contextVariable, Doc: "the set of settings in use (updraft context); local is none", Source: "default"}
	name := NoContext
	if all.Current != "" {
		name, s.Source = all.Current, ContextsName
	}
	if v, ok := in.Lookup(contextVariable); ok && v != "" {
		name, s.Source = v, contextVariable
	}
	if v, ok := in.Flags["context"]; ok {
		name, s.Source = v, "--context"
	}
	s.Value = name
	c.context = s
	if name == NoContext {
		return nil, nil
	}
	found, ok := all.Contexts[name]
	if !ok {
		return nil, fmt.Errorf("there is no context %q (from %s): there are %s; `updraft context add` makes one",
			name, s.Source, strings.Join(append([]string{NoContext}, slices.Sorted(maps.Keys(all.Contexts))...), ", "))
	}
	c.Context = name
	return maps.Clone(found.Settings), nil
}
