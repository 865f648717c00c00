package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/updraft-dev/updraft/cli"
	"github.com/updraft-dev/updraft/config"
)

// commands writes docs/cli.md.
func commands() []byte {
	root := cli.Commands()
	var b bytes.Buffer
	b.WriteString("# Commands\n\n" + note)
	b.WriteString(`Verbs are Airflow's. Answers come as a table, or with ` + "`-o json|yaml|plain`" + ` for programs; a table is
cut to the width of the terminal. Exit codes:
0 all is well, 1 the command or a run failed, 2 the command line is wrong, 130 after
Ctrl-C. ` + "`updraft completion bash|zsh|fish`" + ` writes the script for your shell.

Flags of every command:

`)
	flags(&b, root.PersistentFlags())
	b.WriteString("\n")
	contents(&b, root, 0)
	sections(&b, root)
	return b.Bytes()
}

func visible(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, s := range c.Commands() {
		if !s.Hidden && s.Name() != "help" {
			out = append(out, s)
		}
	}
	return out
}

func contents(b *bytes.Buffer, c *cobra.Command, depth int) {
	for _, s := range visible(c) {
		path := s.CommandPath()
		fmt.Fprintf(b, "%s- [`%s`](#%s): %s\n", strings.Repeat("  ", depth), path, strings.ReplaceAll(path, " ", "-"), s.Short)
		contents(b, s, depth+1)
	}
}

func sections(b *bytes.Buffer, c *cobra.Command) {
	for _, s := range visible(c) {
		fmt.Fprintf(b, "\n## %s\n\n", s.CommandPath())
		if s.Long != "" {
			fmt.Fprintf(b, "%s\n", s.Long)
		} else {
			fmt.Fprintf(b, "%s.\n", s.Short)
		}
		if !s.HasSubCommands() {
			fmt.Fprintf(b, "\n```\n%s\n```\n", s.UseLine())
		}
		if len(s.Aliases) > 0 {
			fmt.Fprintf(b, "\nAlso: `%s`\n", strings.Join(s.Aliases, "`, `"))
		}
		if s.LocalNonPersistentFlags().HasAvailableFlags() {
			b.WriteString("\n")
			flags(b, s.LocalNonPersistentFlags())
		}
		if s.Example != "" {
			fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(s.Example))
		}
		sections(b, s)
	}
}

func flags(b *bytes.Buffer, f *pflag.FlagSet) {
	b.WriteString("| flag | |\n|---|---|\n")
	f.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		name := "`--" + f.Name
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if kind := f.Value.Type(); kind != "bool" {
			name += " " + kind
		}
		text := f.Usage
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" && d != "-1" {
			text += " (default `" + d + "`)"
		}
		fmt.Fprintf(b, "| %s` | %s |\n", name, inTable(text))
	})
}

func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}

// configuration writes docs/configuration.md.
func configuration() ([]byte, error) {
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, Flags: map[string]string{"home": "/UPDRAFT_HOME"}})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("# Configuration\n\n" + note)
	b.WriteString(`Nothing has to be configured. Every setting is a URL or a small value; it comes from, the
later over the earlier: its default, the file ` + "`updraft.yaml`" + ` in UPDRAFT_HOME, its environment
variable, a flag. ` + "`updraft config list`" + ` shows them all with where each comes from, and
` + "`updraft doctor`" + ` checks them.

` + "```yaml fragment" + `
# updraft.yaml
parallelism: 8
log_retention: 168h
` + "```" + `

| setting | environment | default | |
|---|---|---|---|
`)
	for _, s := range c.Settings() {
		value := strings.ReplaceAll(s.Value, "/UPDRAFT_HOME", "UPDRAFT_HOME")
		if s.Name == "home" {
			value = "~/.updraft"
		}
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Name, s.Env, inTable(value), inTable(s.Doc))
	}
	b.WriteString(`
Beside the settings:

- ` + "`AIRFLOW_CONN_ID`, `UPDRAFT_CONN_ID`" + `: a connection, as a URI or JSON.
- ` + "`AIRFLOW_VAR_KEY`, `UPDRAFT_VAR_KEY`" + `: a variable.
- ` + "`NO_COLOR`" + `: no colours.

UPDRAFT_HOME holds everything: ` + "`updraft.db`" + ` (the database), ` + "`logs/`, `key`" + ` (what seals connections and
variables; keep a copy, and away from the database's), ` + "`dags/`, `xcoms/`" + ` (XComs above 64 KiB), ` + "`python/`" + ` (virtualenvs) and ` + "`local/`" + `
(sockets and what running processes write).
`)
	return b.Bytes(), nil
}
