package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// operators writes docs/operators.md.
func operators(ops []task.Operator) []byte {
	var b bytes.Buffer
	b.WriteString("# Operators\n\n" + note)
	b.WriteString(`Operators are named by Airflow's import paths, those of Airflow 3 and the older ones
alike. Arguments marked *t* are templates; those of every task (retries, pool,
trigger_rule and so on) are in [authoring](authoring.md).

`)
	for i := range ops {
		s := &ops[i].Spec
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", name(s), strings.ToLower(name(s)), s.Doc)
	}
	for i := range ops {
		operator(&b, &ops[i].Spec)
	}
	return b.Bytes()
}

func operator(b *bytes.Buffer, s *dag.OperatorSpec) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n`%s`\n", name(s), s.Doc, s.Class)
	if len(s.Aliases) > 0 {
		fmt.Fprintf(b, "\nAlso: `%s`\n", strings.Join(s.Aliases, "`, `"))
	}
	if len(s.TemplateExt) > 0 {
		fmt.Fprintf(b, "\nA template that ends in %s is the name of a file.\n", strings.Join(s.TemplateExt, ", "))
	}
	if len(s.Args) == 0 {
		return
	}
	b.WriteString("\n| argument | type | | default | |\n|---|---|---|---|---|\n")
	for i := range s.Args {
		a := &s.Args[i]
		marks := make([]string, 0, 2)
		if a.Required {
			marks = append(marks, "**needed**")
		}
		if a.Templated {
			marks = append(marks, "*t*")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", a.Name, a.Type, strings.Join(marks, " "), defaultOf(a), inTable(docOf(a)))
	}
}

// name is the class's name without its module.
func name(s *dag.OperatorSpec) string { return s.Class[strings.LastIndexByte(s.Class, '.')+1:] }

func docOf(a *dag.ArgSpec) string {
	if len(a.Enum) == 0 {
		return a.Doc
	}
	return a.Doc + " One of `" + strings.Join(a.Enum, "`, `") + "`."
}

func defaultOf(a *dag.ArgSpec) string {
	if a.Default == nil {
		return ""
	}
	v, err := json.Marshal(a.Default)
	if err != nil {
		return fmt.Sprintf("`%v`", a.Default)
	}
	return "`" + inTable(string(v)) + "`"
}

// inTable keeps a text inside its cell.
func inTable(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
}
