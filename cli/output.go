package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/updraft-dev/updraft/run"
)

// field is one named value of an answer.
type field struct {
	name  string
	value any
}

// record is one thing that a command answers: a row of a table, an object of JSON. Its
// names are Airflow's.
type record []field

// MarshalJSON writes the fields in their order.
func (r record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(plainValue(f.value)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// MarshalYAML writes the fields in their order.
func (r record) MarshalYAML() (any, error) {
	out := make(yaml.MapSlice, len(r))
	for i, f := range r {
		v := plainValue(f.value)
		if raw, ok := v.(json.RawMessage); ok && len(raw) > 0 {
			if err := json.Unmarshal(raw, &v); err != nil {
				return nil, err
			}
		}
		out[i] = yaml.MapItem{Key: f.name, Value: v}
	}
	return out, nil
}

// plainValue is a value as JSON and YAML show it: what is absent is null.
func plainValue(v any) any {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return isoTime(v)
	case *time.Time:
		if v == nil {
			return nil
		}
		return isoTime(*v)
	case time.Duration:
		return v.Seconds()
	case run.State:
		return v.String()
	case json.RawMessage:
		if len(v) == 0 {
			return nil
		}
		return v
	case []string:
		if v == nil {
			return []string{}
		}
	}
	return v
}

// isoTime writes a time as Airflow does: with all six digits of a fraction, or with none.
func isoTime(t time.Time) string {
	if t = t.UTC(); t.Nanosecond() < int(time.Microsecond) {
		return t.Format("2006-01-02T15:04:05-07:00")
	}
	return t.Format("2006-01-02T15:04:05.000000-07:00")
}

// cell is a value as tables show it.
func (a *app) cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return printable(v)
	case run.State:
		return a.paint(v.String())
	case run.RunState:
		return a.paint(string(v))
	case []string:
		return strings.Join(v, ", ")
	case time.Duration:
		return shortDuration(v)
	case json.RawMessage:
		return string(v)
	}
	if p := plainValue(v); p != nil {
		return fmt.Sprint(p)
	}
	return ""
}

// printable is a text without what would act on a terminal: colours go, and other control
// characters are shown as such. Lines and tabs stay.
func printable(s string) string {
	if !strings.ContainsFunc(s, acts) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if acts(r) {
			return '\uFFFD'
		}
		return r
	}, escapes.ReplaceAllString(s, ""))
}

// escapes are sequences that set colours, move the cursor, or set the title.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)`)

// acts says whether a terminal does something else with a character than to show it.
func acts(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// shortDuration is a length of time for people: 12ms, 3.4s, 2m5s.
func shortDuration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// list shows records in the format of -o. An empty table says so by none, a sentence.
func (a *app) list(records []record, none string) error {
	switch a.output {
	case "json":
		if records == nil {
			records = []record{}
		}
		return a.json(records)
	case "yaml":
		return a.yaml(records)
	case "plain":
		for i, r := range records {
			if i == 0 {
				a.line(r, func(f field) string { return f.name })
			}
			a.line(r, func(f field) string { return oneLine(a.colourless(f.value)) })
		}
		return nil
	}
	if len(records) == 0 {
		_, err := fmt.Fprintln(a.Stdout, none)
		return err
	}
	_, err := fmt.Fprintln(a.Stdout, a.drawTable(records))
	return err
}

// show shows one record, a line a field.
func (a *app) show(r record) error {
	switch a.output {
	case "json":
		return a.json(r)
	case "yaml":
		return a.yaml(r)
	case "plain":
		for _, f := range r {
			fmt.Fprintf(a.Stdout, "%s\t%s\n", f.name, oneLine(a.colourless(f.value)))
		}
		return nil
	}
	t := a.table()
	for _, f := range r {
		t.AppendRow(table.Row{f.name, a.cell(f.value)})
	}
	_, err := fmt.Fprintln(a.Stdout, t.Render())
	return err
}

// table is an empty table in our style.
func (a *app) table() table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateColumns: true, SeparateHeader: true}
	style.Box.MiddleVertical, style.Box.PaddingLeft, style.Box.PaddingRight, style.Box.UnfinishedRow = "│", " ", " ", "…"
	style.Format = table.FormatOptions{Header: text.FormatDefault}
	t.SetStyle(style)
	return t
}

// line writes a row of the plain format: cells separated by tabs.
func (a *app) line(r record, cell func(field) string) {
	cells := make([]string, len(r))
	for i, f := range r {
		cells[i] = cell(f)
	}
	fmt.Fprintln(a.Stdout, strings.Join(cells, "\t"))
}

var breaks = strings.NewReplacer("\t", " ", "\r\n", " ", "\n", " ")

func oneLine(s string) string { return breaks.Replace(s) }

func (a *app) json(v any) error {
	e := json.NewEncoder(a.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (a *app) yaml(v any) error {
	b, err := yaml.Marshal(v)
	if err == nil {
		_, err = a.Stdout.Write(b)
	}
	return err
}

// printf writes to standard output.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.Stdout, format, args...) }

// done says in a sentence what was done, unless there was an error, which it returns.
func (a *app) done(err error, format string, args ...any) error {
	if err == nil {
		a.printf(format+"\n", args...)
	}
	return err
}

// colourful says whether to colour: on a terminal, unless NO_COLOR is set.
func (a *app) colourful() bool {
	v, set := a.Lookup("NO_COLOR")
	return a.Terminal && !(set && v != "")
}

// colourless is a cell without colours.
func (a *app) colourless(v any) string {
	b := *a
	b.Terminal = false
	return b.cell(v)
}

// paint colours the name of a state as Airflow's pages do.
func (a *app) paint(state string) string {
	if !a.colourful() {
		return state
	}
	return colourOf(state).Sprint(state)
}

func colourOf(state string) text.Color {
	switch state {
	case "success":
		return text.FgGreen
	case "failed", "upstream_failed":
		return text.FgRed
	case "running", "restarting":
		return text.FgCyan
	case "up_for_retry", "up_for_reschedule", "deferred":
		return text.FgYellow
	case "skipped":
		return text.FgMagenta
	}
	return text.FgHiBlack
}
