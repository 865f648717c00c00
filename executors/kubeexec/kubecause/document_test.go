package kubecause

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/kubernetes-causes.md anew")

// TestDocument holds the tables for people to those that are used.
func TestDocument(t *testing.T) {
	t.Parallel()
	const file = "../../../docs/kubernetes-causes.md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, rows := range map[string][]row{
		"podRows": podRows(), "disruptionRows": disruptionRows(), "containerRows": containerRows(), "exitRows": exitRows(),
		"waitRows": waitRows(), "eventRows": eventRows(), "refusalRows": refusalRows(),
	} {
		begin := "<!-- table: " + name + " -->\n"
		before, rest, found := strings.Cut(text, begin)
		got, after, ended := strings.Cut(rest, "<!-- end -->")
		if !found || !ended {
			t.Fatalf("%s has no place for the table %s", file, name)
		}
		want := table(rows, name == "waitRows" || name == "eventRows" || name == "refusalRows")
		if got != want && !*update {
			t.Errorf("%s: table %s is not what is used; write it anew with -update", file, name)
		}
		text = before + begin + want + "<!-- end -->" + after
	}
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// table is one for people. Rows that say the same of several words are one.
func table(rows []row, waits bool) string {
	var b strings.Builder
	head := "| Kubernetes says | cause | Updraft says |"
	line := "|---|---|---|"
	if waits {
		head, line = head+" |", line+"---|"
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", head, line)
	for i := 0; i < len(rows); {
		r, words := rows[i], []string{}
		for ; i < len(rows) && r.says(rows[i]); i++ {
			words = append(words, rows[i].words())
		}
		reason := r.reason
		if r.told {
			reason += " …"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", strings.Join(words, ", "), r.cause, reason)
		if waits && r.wait {
			b.WriteString(" waits |")
		} else if waits {
			b.WriteString(" fails |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	return b.String()
}

func (r row) says(o row) bool {
	return r.cause == o.cause && r.reason == o.reason && r.wait == o.wait && r.told == o.told
}

func (r row) words() string {
	switch {
	case r.code == "" && r.detail == "":
		return "anything else"
	case r.code == "":
		return "`" + r.detail + "`"
	case r.detail == "":
		return "`" + r.code + "`"
	}
	return "`" + r.code + "` with `" + r.detail + "`"
}

// TestFirstRowCounts: a row that comes after one that fits all it fits would never count.
func TestFirstRowCounts(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][]row{
		"podRows": podRows(), "disruptionRows": disruptionRows(), "containerRows": containerRows(), "waitRows": waitRows(), "eventRows": eventRows(), "refusalRows": refusalRows(),
	} {
		for i, r := range rows {
			if found := find(rows, r.code, r.detail); found == nil || *found != r {
				t.Errorf("%s: row %d (%s, %s) is hidden by %+v", name, i, r.code, r.detail, found)
			}
		}
	}
}
