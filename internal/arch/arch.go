// Package arch holds the rules about who may import whom, as data and as a test. The
// imports are parsed here, in process, so that a violation cannot hide behind a cached
// answer.
package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the path of this module.
const Module = "github.com/updraft-dev/updraft"

// Layer is a set of packages with the same rights.
type Layer struct {
	Name string
	// Packages are folders relative to the module; "x/*" means all folders below x.
	Packages []string
	// May are the names of the layers that it may import, beside itself.
	May []string
	// Deps are the prefixes of modules outside that it may import, beside the standard
	// library; "*" is anything.
	Deps []string
}

// Layers is the table of ARCHITECTURE.md. A package belongs to the first layer that
// names it exactly, or else to the first whose pattern matches.
func Layers() []Layer {
	return []Layer{
		{Name: "words", Packages: []string{"dag", "run"}},
		{Name: "language", Packages: []string{"jinja", "jinja/*"}, Deps: []string{"golang.org/x/text"}},
		{
			Name: "decisions", Packages: []string{"scheduler", "scheduler/timetable", "scheduler/simulate", "dag/dagfile", "dag/params", "dag/drawing", "dag/dagyaml"},
			May:  []string{"words"},
			Deps: []string{"github.com/goccy/go-yaml", "github.com/santhosh-tekuri/jsonschema", "golang.org/x/text"},
		},
		{Name: "aws", Packages: []string{"internal/awsconf", "internal/awsconf/profiles"}, Deps: []string{"*"}},
		{Name: "postgres", Packages: []string{"internal/pgconf"}, May: []string{"runtime"}, Deps: []string{"*"}},
		{Name: "contracts", Packages: []string{"store", "store/rowcodec", "queue", "logs", "logs/layout", "logs/objects", "executors"}, May: []string{"words"}},
		{
			Name: "runtime", Packages: []string{"settings", "task", "task/template", "task/callable", "task/smtpmail", "python", "dag/bag", "dag/pyfile", "dag/source", "config"},
			May: []string{"words", "language", "decisions", "contracts"}, Deps: []string{"*"},
		},
		{
			Name: "suites", Packages: []string{"store/storetest", "queue/queuetest", "logs/logstest", "logs/objects/objectstest", "executors/executortest", "operators/operatortest", "operators/aws/awstest", "dag/dagfile/dagfiletest"},
			May: []string{"words", "decisions", "contracts", "runtime"}, Deps: []string{"*"},
		},
		{
			Name: "drivers", Packages: []string{"store/*", "queue/*", "logs/*", "executors/*", "operators/*", "settings/*"},
			May: []string{"words", "contracts", "runtime", "aws", "postgres"}, Deps: []string{"*"},
		},
		{Name: "use cases", Packages: []string{"scheduler/tick", "api"}, May: []string{"words", "decisions", "contracts", "runtime"}, Deps: []string{"golang.org/x/sync"}},
		{Name: "internal", Packages: []string{"internal/*"}, May: []string{"*"}, Deps: []string{"*"}},
		{Name: "composition", Packages: []string{"embedded", "embedded/metrics", "local", "postgres", "cloud", "cloud/function", "cloud/outside", "cloud/secrets", "kube", "kube/podrun", "cli"}, May: []string{"*"}, Deps: []string{"*"}},
		{Name: "mains", Packages: []string{"cmd/*", "functions/*"}, May: []string{"*"}, Deps: []string{"*"}},
	}
}

// Ban is an import that packages may not have.
type Ban struct {
	Reason string
	// Except are the folders that may, with those below them.
	Except []string
}

// Forbidden are the bans, by the path of the module.
func Forbidden() map[string]Ban {
	return map[string]Ban{
		"github.com/pkg/errors":       {Reason: "the standard library wraps errors"},
		"github.com/stretchr/testify": {Reason: "one assertion style: go-cmp and plain if"},
		"github.com/mattn/go-sqlite3": {Reason: "needs cgo; modernc.org/sqlite does not"},
		"k8s.io/client-go": {
			Reason: "only cmd/updraft-kube and tests may link it: it adds 24 MB",
			Except: []string{"cmd/updraft-kube", "executors/kubeexec", "kube", "internal/kubetest", "internal/kubestack"},
		},
	}
}

// Package is one folder of Go files with what it imports.
type Package struct {
	Dir     string
	Imports []string
	// Docs is the number of files with a package comment.
	Docs int
	// Name is the package's name.
	Name string
}

// Packages parses the non-test Go files below root. A module within it is another's.
func Packages(root string) ([]Package, error) {
	byDir := map[string]*Package{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); p != root && err == nil {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		pkg := byDir[dir]
		if pkg == nil {
			pkg = &Package{Dir: dir, Name: f.Name.Name}
			byDir[dir] = pkg
		}
		if f.Doc != nil {
			pkg.Docs++
		}
		for _, im := range f.Imports {
			s, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(pkg.Imports, s) {
				pkg.Imports = append(pkg.Imports, s)
			}
		}
		return nil
	})
	var out []Package
	for _, p := range byDir {
		slices.Sort(p.Imports)
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Package) int { return strings.Compare(a.Dir, b.Dir) })
	return out, err
}

// LayerOf returns the layer of a package folder, or nil.
func LayerOf(layers []Layer, dir string) *Layer {
	for i := range layers {
		if slices.Contains(layers[i].Packages, dir) {
			return &layers[i]
		}
	}
	for i := range layers {
		for _, p := range layers[i].Packages {
			if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(dir, prefix) {
				return &layers[i]
			}
		}
	}
	return nil
}

// Violations checks packages against the table and returns what is wrong, one line each.
func Violations(layers []Layer, forbidden map[string]Ban, pkgs []Package) []string {
	var out []string
	for _, p := range pkgs {
		from := LayerOf(layers, p.Dir)
		if from == nil {
			out = append(out, fmt.Sprintf("%s is in no layer: place it in internal/arch", p.Dir))
			continue
		}
		if p.Docs != 1 {
			out = append(out, fmt.Sprintf("%s has %d package comments: it needs exactly one", p.Dir, p.Docs))
		}
		for _, im := range p.Imports {
			if why := check(layers, from, p.Dir, im); why != "" {
				out = append(out, why)
			}
			for bad, ban := range forbidden {
				if within(im, bad) && !slices.ContainsFunc(ban.Except, func(dir string) bool { return within(p.Dir, dir) }) {
					out = append(out, fmt.Sprintf("%s imports %s: %s", p.Dir, im, ban.Reason))
				}
			}
		}
	}
	return out
}

// within says whether a path is a folder or below it.
func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func check(layers []Layer, from *Layer, dir, im string) string {
	inside, ours := strings.CutPrefix(im, Module+"/")
	if !ours {
		if !strings.Contains(strings.Split(im, "/")[0], ".") || slices.Contains(from.Deps, "*") {
			return "" // the standard library, or everything is allowed
		}
		if slices.ContainsFunc(from.Deps, func(d string) bool { return im == d || strings.HasPrefix(im, d+"/") }) {
			return ""
		}
		return fmt.Sprintf("%s (%s) imports %s: that layer may only import %v", dir, from.Name, im, from.Deps)
	}
	to := LayerOf(layers, inside)
	if to == nil {
		return fmt.Sprintf("%s imports %s, which is in no layer", dir, inside)
	}
	if to.Name == "drivers" && from.Name == "drivers" && family(dir) != family(inside) {
		return fmt.Sprintf("%s imports %s: a driver never imports another", dir, inside)
	}
	if to.Name == from.Name || slices.Contains(from.May, to.Name) || slices.Contains(from.May, "*") {
		return ""
	}
	return fmt.Sprintf("%s (%s) imports %s (%s): it may import %v", dir, from.Name, inside, to.Name, from.May)
}

// family is the driver that a folder belongs to: executors/localexec/process belongs
// to executors/localexec; all operators are one family.
func family(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] == "operators" {
		return parts[0]
	}
	return path.Join(parts[:min(2, len(parts))]...)
}
