// Command gendocs writes the parts of docs/ that follow from the code: operators.md
// from the table of operators, cli.md from the commands, configuration.md from the
// settings, dag.schema.json from the loader of DAG files; and the tables of operators beside
// the packages that read them. A test tells when one of
// them is out of date.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/operators/catalog"
)

// note stands at the head of every generated text.
const note = "<!-- Written by `make docs` from the code: change the code instead. -->\n\n"

func main() {
	if err := write("docs"); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil { // to be read by all
			return err
		}
	}
	return nil
}

// generate makes the files, by name.
func generate() (map[string][]byte, error) {
	schema, err := dagfile.Schema(builtin.Catalog())
	if err != nil {
		return nil, fmt.Errorf("make the JSON Schema: %w", err)
	}
	settings, err := configuration()
	if err != nil {
		return nil, err
	}
	specs, err := operatorsJSON(builtin.Operators())
	if err != nil {
		return nil, err
	}
	table, err := catalog.Write(builtin.Catalog())
	if err != nil {
		return nil, err
	}
	names, err := pythonNames()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"operators.md":     operators(builtin.Operators()),
		"cli.md":           commands(),
		"configuration.md": settings,
		"dag.schema.json":  schema,
		"python.md":        names,
		// Beside the packages that read them.
		"../operators/catalog/catalog.json":     table,
		"../python/updraft_dags/operators.json": specs,
	}, nil
}
