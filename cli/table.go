package cli

import (
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// drawTable draws records as rows. What is wider than the terminal gets shorter times,
// then sentences of several lines, and is cut at the right if all this is not enough:
// lines that a terminal breaks cannot be read.
func (a *app) drawTable(records []record) string {
	out := a.rows(records, a.cell).Render()
	if !a.Terminal {
		return out
	}
	columns, _ := a.Size()
	if columns <= 0 || text.LongestLineLen(out) <= columns {
		return out
	}
	t := a.rows(records, a.shortCell)
	if over := text.LongestLineLen(t.Render()) - columns; over > 0 {
		t.SetColumnConfigs(narrowed(records, over, a.shortCell))
		t.Style().Size.WidthMax = columns
	}
	return t.Render()
}

// rows is the table of records, its cells written by cell.
func (a *app) rows(records []record, cell func(any) string) table.Writer {
	t := a.table()
	header := make(table.Row, len(records[0]))
	for i, f := range records[0] {
		header[i] = f.name
	}
	t.AppendHeader(header)
	for _, r := range records {
		row := make(table.Row, len(r))
		for i, f := range r {
			row[i] = cell(f.value)
		}
		t.AppendRow(row)
	}
	return t
}

// shortCell is a cell with whole seconds.
func (a *app) shortCell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if !v.IsZero() {
			return v.UTC().Format(time.RFC3339)
		}
	case *time.Time:
		if v != nil {
			return v.UTC().Format(time.RFC3339)
		}
	}
	return a.cell(v)
}

// sentences are the columns that may take several lines: nobody copies a part of them.
var sentences = []string{"description", "reason", "detail", "remedy", "note"}

// leastWidth is the width below which a sentence is not squeezed.
const leastWidth = 24

// narrowed takes what is too wide from the columns of sentences.
func narrowed(records []record, over int, cell func(any) string) (out []table.ColumnConfig) {
	for i, f := range records[0] {
		if over <= 0 || !slices.Contains(sentences, f.name) {
			continue
		}
		width := len(f.name)
		for _, r := range records {
			if i < len(r) {
				width = max(width, text.LongestLineLen(cell(r[i].value)))
			}
		}
		if narrow := max(leastWidth, width-over); narrow < width {
			out = append(out, table.ColumnConfig{Number: i + 1, WidthMax: narrow, WidthMaxEnforcer: text.WrapSoft})
			over -= width - narrow
		}
	}
	return out
}
