package arch

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImportTable(t *testing.T) {
	t.Parallel()
	pkgs, err := Packages("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 10 {
		t.Fatalf("only %d packages were found", len(pkgs))
	}
	for _, v := range Violations(Layers(), Forbidden(), pkgs) {
		t.Error(v)
	}
}

// TestStaleEntries: a layer that names a folder that is gone is a lie.
func TestStaleEntries(t *testing.T) {
	t.Parallel()
	pkgs, err := Packages("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range Layers() {
		for _, p := range l.Packages {
			found := slices.ContainsFunc(pkgs, func(k Package) bool {
				prefix, many := strings.CutSuffix(p, "*")
				return k.Dir == p || many && strings.HasPrefix(k.Dir, prefix)
			})
			if !found {
				t.Errorf("layer %s names %s, which does not exist", l.Name, p)
			}
		}
	}
}

// TestDocument: the table of ARCHITECTURE.md is this one.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	word := regexp.MustCompile(`[a-z]+`)
	layers := Layers()
	for _, l := range layers {
		row := regexp.MustCompile(`(?m)^\| ` + l.Name + ` \| (.*) \| (.*) \|$`).FindStringSubmatch(string(text))
		if row == nil {
			t.Errorf("no row is about %s", l.Name)
			continue
		}
		var packages []string
		for _, m := range quoted.FindAllStringSubmatch(row[1], -1) {
			packages = append(packages, m[1])
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(l.Packages)), slices.Sorted(slices.Values(packages))); diff != "" {
			t.Errorf("packages of %s (-table +document):\n%s", l.Name, diff)
		}
		var may []string
		for _, w := range word.FindAllString(row[2], -1) {
			if w == "anything" {
				may = append(may, "*")
			} else if slices.ContainsFunc(layers, func(o Layer) bool { return o.Name == w }) {
				may = append(may, w)
			}
		}
		if diff := cmp.Diff(l.May, may); diff != "" {
			t.Errorf("what %s may import (-table +document):\n%s", l.Name, diff)
		}
	}
}

func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	imports := func(dir string, docs int, im ...string) Package { return Package{Dir: dir, Docs: docs, Imports: im} }
	tests := []struct {
		name string
		pkg  Package
		want string
	}{
		{"words import nothing of ours", imports("dag", 1, Module+"/store"), "it may import []"},
		{"words import no module", imports("run", 1, "github.com/x/y"), "may only import"},
		{"the planner does no I/O", imports("scheduler", 1, Module+"/store"), "imports store (contracts)"},
		{"drivers are strangers", imports("store/sqlitestore", 1, Module+"/logs/filelogs"), "a driver never imports another"},
		{"a contract knows no driver", imports("store", 1, Module+"/store/sqlitestore"), "imports store/sqlitestore (drivers)"},
		{"everything has a place", imports("util", 1), "is in no layer"},
		{"one package comment", imports("dag", 2), "has 2 package comments"},
		{"forbidden", imports("cli", 1, "github.com/stretchr/testify/require"), "one assertion style"},
		{"forbidden but for some", imports("cli", 1, "k8s.io/client-go/rest"), "only cmd/updraft-kube"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Violations(Layers(), Forbidden(), []Package{tt.pkg})
			if len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("got %q, want one with %q", got, tt.want)
			}
		})
	}
	if got := Violations(Layers(), Forbidden(), []Package{imports("internal/kubetest", 1, "k8s.io/client-go/rest")}); got != nil {
		t.Errorf("one that may is refused: %q", got)
	}
	if got := Violations(Layers(), Forbidden(), []Package{imports("operators/bash", 1, Module+"/operators/sensor", Module+"/task", "fmt")}); got != nil {
		t.Errorf("a legal package is refused: %q", got)
	}
}
