package dagfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one thing wrong in a file, or worth a warning.
type Problem struct {
	File string `json:"file"`
	// Line and Column count from 1; Column counts characters.
	Line   int `json:"line"`
	Column int `json:"column"`
	// DAG, Task and Group are the ids concerned; empty when none is.
	DAG   string `json:"dag_id,omitempty"`
	Task  string `json:"task_id,omitempty"`
	Group string `json:"group_id,omitempty"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Hint says what to do; may be empty.
	Hint string `json:"hint,omitempty"`
	// Excerpt is the line of the file and, below, a caret at the column.
	Excerpt string `json:"excerpt,omitempty"`
}

// Error is "file:line:column: message: hint".
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Task != "" {
		fmt.Fprintf(&b, "task %s: ", p.Task)
	}
	if p.Group != "" {
		fmt.Fprintf(&b, "group %s: ", p.Group)
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(": " + p.Hint)
	}
	return b.String()
}

// Problems are all that is wrong in a file, in the order of the file.
type Problems []Problem

// Error has one paragraph per problem, with its excerpt.
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Error())
		if p.Excerpt != "" {
			b.WriteByte('\n')
			b.WriteString(p.Excerpt)
		}
	}
	return b.String()
}

func sortProblems(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

const excerptWidth = 160

// Excerpt shows a line as Problem does, where the column is not known.
func Excerpt(line string) string {
	shown, _, _ := strings.Cut(excerpt(strings.TrimRight(line, "\r"), 1), "\n")
	return shown
}

// excerpt shows a line and points at a column of it; long lines are cut. It is empty
// for a line without characters.
func excerpt(line string, column int) string {
	if strings.TrimSpace(line) == "" {
		return ""
	}
	runes := []rune(strings.Map(harmless, strings.ToValidUTF8(line, "\uFFFD")))
	column = min(column, len(runes)+1)
	if from := column - excerptWidth/2; from > 1 && len(runes) > excerptWidth {
		runes = append([]rune("…"), runes[from:]...)
		column -= from - 1
	}
	if len(runes) > excerptWidth {
		runes = append(runes[:excerptWidth:excerptWidth], '…')
	}
	pad := make([]rune, column-1)
	for i := range pad {
		pad[i] = ' '
		if runes[i] == '\t' {
			pad[i] = '\t'
		}
	}
	return "    " + string(runes) + "\n    " + string(pad) + "^"
}

// harmless keeps what a file has in it from acting on the terminal.
func harmless(r rune) rune {
	if unicode.IsControl(r) && r != '\t' {
		return '\uFFFD'
	}
	return r
}

// didYouMean returns a hint naming the candidate nearest to a word, or "".
func didYouMean(word string, candidates []string) string {
	letters := utf8.RuneCountInString(word)
	best, distance := "", max(1, letters/3)+1
	for _, c := range candidates {
		if c == word {
			continue // what is wrong is something else than the spelling
		}
		d := editDistance(strings.ToLower(word), strings.ToLower(c), distance+1)
		if d >= letters {
			continue // nothing in common
		}
		if d < distance || d == distance && best != "" && c < best {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean `%s`?", best)
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours; it
// gives up with limit when there are at least so many.
func editDistance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if len(ra)-len(rb) >= limit || len(rb)-len(ra) >= limit {
		return limit
	}
	before, last, row := make([]int, len(rb)+1), make([]int, len(rb)+1), make([]int, len(rb)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		row[0] = i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(rb)], limit)
}
