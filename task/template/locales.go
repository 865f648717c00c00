package template

import (
	_ "embed"
	"strings"
)

//go:embed locales.txt
var localeTable string

// locale is the calendar of one language.
type locale struct {
	months, shortMonths, aloneMonths, aloneShortMonths []string
	days, shortDays                                    []string // from Monday
	noon                                               []string // before and after it
}

// localeOf answers the calendar of a locale such as de_AT or pt-BR: that of its language. What a country writes
// otherwise (en_GB has Sept) is not known here.
func localeOf(name string) (locale, bool) {
	lang, _, _ := strings.Cut(strings.ReplaceAll(name, "-", "_"), "_")
	if lang == "no" {
		lang = "nb"
	}
	for line := range strings.Lines(localeTable) {
		rest, ok := strings.CutPrefix(line, lang+"|")
		if !ok || lang == "" {
			continue
		}
		var g [7][]string
		for i, part := range strings.SplitN(strings.TrimSpace(rest), "|", len(g)) {
			g[i] = strings.Split(part, ";")
		}
		return locale{g[0], g[1], g[2], g[3], g[4], g[5], g[6]}, true
	}
	return locale{}, false
}

// localeNames are the languages in the table.
func localeNames() []string {
	var out []string
	for line := range strings.Lines(localeTable) {
		if name, _, ok := strings.Cut(line, "|"); ok {
			out = append(out, name)
		}
	}
	return out
}
