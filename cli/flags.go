package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settingFlag adds a flag that overrides a setting.
func (a *app) settingFlag(f *pflag.FlagSet, setting, usage string) {
	f.Var(settingValue{a, setting}, strings.ReplaceAll(setting, "_", "-"), usage)
}

// settingValue is a flag that is kept only when it is given.
type settingValue struct {
	a    *app
	name string
}

func (v settingValue) Set(s string) error { v.a.flags[v.name] = s; return nil }
func (v settingValue) Type() string       { return "value" }
func (v settingValue) String() string     { return "" }

// hide keeps a flag that only habit types out of --help.
func hide(f *pflag.FlagSet, name string) { f.Lookup(name).Hidden = true }

// timeFlag adds a flag that takes a date and time; nil when it is not given.
func timeFlag(f *pflag.FlagSet, to **time.Time, name, usage string) {
	f.Var(timeValue{to}, name, usage)
}

type timeValue struct{ to **time.Time }

func (v timeValue) Type() string   { return "date" }
func (v timeValue) String() string { return "" }

func (v timeValue) Set(s string) error {
	t, err := parseTime(s)
	if err != nil {
		return err
	}
	*v.to = &t
	return nil
}

// parseTime reads a date as Airflow's commands take it: ISO 8601, UTC unless it has an
// offset.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
		"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("write a date such as 2026-01-31, 2026-01-31T06:00 or 2026-01-31T06:00:00+01:00")
}

// parseConf reads --conf: a JSON object, @FILE, or - for standard input.
func (a *app) parseConf(s string) (json.RawMessage, error) {
	if s == "" {
		return nil, nil
	}
	text, err := a.textOrFile(s)
	if err != nil {
		return nil, fmt.Errorf("--conf: %w", err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, usagef(`--conf %s: %w (write a JSON object, such as '{"day": "2026-01-31"}')`, s, err)
	}
	return json.RawMessage(text), nil
}

// maxInput bounds what is read from a file or standard input.
const maxInput = 64 << 20

// textOrFile returns s itself, the text of the file if it is @FILE, or standard input if
// it is -.
func (a *app) textOrFile(s string) ([]byte, error) {
	switch {
	case s == "-":
		return readAll(a.Stdin, "standard input")
	case strings.HasPrefix(s, "@"):
		return a.readFile(s[1:])
	}
	return []byte(s), nil
}

// readFile reads a file, or standard input for "-".
func (a *app) readFile(path string) ([]byte, error) {
	if path == "-" {
		return readAll(a.Stdin, "standard input")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxInput>>20)
	}
	return b, nil
}

// outputFlag adds -o.
func (a *app) outputFlag(c *cobra.Command) {
	c.Flags().StringVarP(&a.output, "output", "o", "table", "table, json, yaml or plain")
	complete(c, "output", "table", "json", "yaml", "plain")
	check := c.PreRunE
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		switch a.output {
		case "table", "json", "yaml", "plain":
		default:
			return usagef("--output %q: use table, json, yaml or plain", a.output)
		}
		if check != nil {
			return check(cmd, args)
		}
		return nil
	}
}

// complete completes a flag from a fixed list.
func complete(c *cobra.Command, flag string, values ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag was not defined: a fault of the caller that every test shows
	}
}
