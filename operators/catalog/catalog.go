// Package catalog is what a reader of DAG files has to know of package builtin's operators,
// as data: who executes none of them need not link their clients and databases, which are
// two fifths of a program. `make docs` writes it from the operators.
package catalog

import (
	_ "embed" // the table
	"encoding/json"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
)

//go:embed catalog.json
var table []byte

// Read returns what builtin.Catalog returns, but for the Go types of defaults, which are for
// people: a number is a float64.
func Read() (*dag.Catalog, error) {
	var specs []dag.OperatorSpec
	if err := json.Unmarshal(table, &specs); err != nil {
		return nil, fmt.Errorf("read the table of operators: %w", err)
	}
	return dag.NewCatalog(specs...), nil
}

// Write returns the table of some operators, an operator a line.
func Write(c *dag.Catalog) ([]byte, error) {
	out := []byte("[\n")
	for i, s := range c.Specs() {
		if i > 0 {
			out = append(out, ",\n"...)
		}
		line, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", s.Class, err)
		}
		out = append(out, line...)
	}
	return append(out, "\n]\n"...), nil
}
