package timetable

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// expandPreset replaces the six presets that Airflow itself knows; this is how it
// keeps and shows such a schedule.
func expandPreset(text string) string {
	switch text {
	case "@hourly":
		return "0 * * * *"
	case "@daily":
		return "0 0 * * *"
	case "@weekly":
		return "0 0 * * 0"
	case "@monthly":
		return "0 0 1 * *"
	case "@quarterly":
		return "0 0 1 */3 *"
	case "@yearly":
		return "0 0 1 1 *"
	}
	return text
}

// expandAlias replaces the aliases of the cron parser, which do not depend on case.
func expandAlias(text string) string {
	switch text {
	case "@midnight":
		return "0 0 * * *"
	case "@annually":
		return "0 0 1 1 *"
	case "@quarterly":
		return text // only Airflow knows it, and only in lower case
	}
	return expandPreset(text)
}

// splitFields splits at ASCII white space.
func splitFields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r == ' ' || '\t' <= r && r <= '\r' || 0x1c <= r && r <= 0x1f
	})
}

// lowerASCII leaves other letters alone, so that none of them becomes a valid one.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// parseCron compiles an expression. Errors are *CronError.
func parseCron(text string) (*cron, error) {
	p := &cronParser{c: &cron{text: expandPreset(text), seconds: 1, anyYear: true}}
	lower := expandAlias(lowerASCII(p.c.text))
	p.fields = splitFields(lower)
	if n := len(p.fields); n < 5 || n > 7 {
		return nil, p.countError(text, n)
	}
	for i, expr := range p.fields {
		vs, err := p.parseField(field(i), expr)
		if err != nil {
			return nil, &CronError{Expression: text, Field: field(i).rule().name, Part: expr, Problem: err.Error()}
		}
		p.store(field(i), vs)
	}
	if err := p.checkNth(); err != nil {
		return nil, &CronError{Expression: text, Field: fieldWeekday.rule().name, Part: p.fields[fieldWeekday], Problem: err.Error()}
	}
	p.c.split()
	return p.c, nil
}

// CronError says what is wrong with a cron expression and what to write instead.
type CronError struct {
	Expression string
	// Field and Part name the field and its text; both are empty when the number of
	// fields is wrong.
	Field, Part string
	Problem     string
}

func (e *CronError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("cron expression %q: %s", e.Expression, e.Problem)
	}
	return fmt.Sprintf("cron expression %q: %s field %q: %s", e.Expression, e.Field, e.Part, e.Problem)
}

func (p *cronParser) countError(text string, n int) error {
	problem := fmt.Sprintf("has %d fields, must have 5 (minute hour day month weekday), 6 (and second) or 7 (and year)", n)
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		problem = "is empty: use null for a DAG without a schedule"
	case trimmed != text && strings.HasPrefix(trimmed, "@"):
		problem = fmt.Sprintf("has spaces around it: write %q", trimmed)
	case strings.EqualFold(trimmed, "none") || strings.EqualFold(trimmed, "@none"):
		problem = "is no schedule: use null for a DAG without one"
	case strings.HasPrefix(trimmed, "@"):
		problem = "is no preset: use @once, @continuous, @hourly, @daily, @weekly, @monthly, @quarterly or @yearly, or a cron expression"
	}
	return &CronError{Expression: text, Problem: problem}
}

type cronParser struct {
	c      *cron
	fields []string
	// plainWeekdays are the values of the day of week, those of FRI#2 included.
	plainWeekdays values
}

// values is what one field expands to.
type values struct {
	set  []int // sorted, without repetition
	star bool  // the field has a * beside others or alone
	last bool  // L
	all  bool  // means the whole field and nothing else
	size int   // of all that
}

func (p *cronParser) parseField(f field, expr string) (values, error) {
	if strings.ContainsRune(expr, '?') {
		if f != fieldDay && f != fieldWeekday {
			return values{}, errors.New("? is for the day of month and the day of week only: use *")
		}
		if expr != "?" {
			return values{}, errors.New("? stands alone: use it without other characters, or use *")
		}
		return values{star: true, all: true}, nil
	}
	if f == fieldDay {
		if n, ok, err := nearestOf(expr); ok || err != nil {
			p.c.nearest = n
			return values{}, err
		}
	}
	var vs values
	for _, item := range strings.Split(expr, ",") {
		if err := p.parseItem(f, item, &vs); err != nil {
			return values{}, err
		}
	}
	slices.Sort(vs.set)
	vs.set = slices.Compact(vs.set)
	r := f.rule()
	vs.size = len(vs.set)
	if vs.star {
		vs.size++
	}
	if vs.last {
		vs.size++
	}
	vs.all = vs.star && vs.size == 1 || vs.size == r.max-r.min+1 && !p.keepsList(f)
	return vs, nil
}

// keepsList says that a full list (1-31) still counts as a restriction, because the
// other day field has no *: together they then mean "or", hence every day.
func (p *cronParser) keepsList(f field) bool {
	switch f {
	case fieldDay:
		return !strings.Contains(p.fields[fieldWeekday], "*")
	case fieldWeekday:
		return !strings.Contains(p.fields[fieldDay], "*")
	}
	return false
}

// nearestOf reads 15W and W15.
func nearestOf(expr string) (n int, ok bool, err error) {
	digits := strings.TrimSuffix(expr, "w")
	if digits == expr {
		digits = strings.TrimPrefix(expr, "w")
	}
	if digits == expr {
		if strings.Contains(expr, "w") {
			return 0, false, errors.New("W takes one day and nothing else, such as 15W")
		}
		return 0, false, nil
	}
	if !allDigits(digits) {
		return 0, false, errors.New("W takes one day and nothing else, such as 15W")
	}
	n = number(digits)
	if n < 1 || n > 31 {
		return 0, false, errors.New("W takes a day from 1 to 31")
	}
	return n, true, nil
}

func (p *cronParser) store(f field, vs values) {
	r := f.rule()
	var set uint64
	for _, n := range vs.set {
		if f == fieldYear {
			p.c.years[(n-firstYear)/64] |= 1 << ((n - firstYear) % 64)
			continue
		}
		set |= 1 << n
	}
	every := vs.all || vs.star
	if every && f != fieldYear {
		set = 1<<(r.max+1) - 1<<r.min
	}
	switch f {
	case fieldMinute:
		p.c.minutes = set
	case fieldHour:
		p.c.hours, p.c.everyHour = uint32(set), vs.all
	case fieldDay:
		p.c.days, p.c.lastDay, p.c.anyDay = uint32(set), vs.last, every
	case fieldMonth:
		p.c.months = uint16(set)
	case fieldWeekday:
		p.c.weekdays, p.c.anyWeekday, p.plainWeekdays = uint8(set), every, vs
	case fieldSecond:
		p.c.seconds = set
	case fieldYear:
		p.c.anyYear = every
	}
}

// checkNth refuses plain weekdays beside numbered ones; all seven pass, as in Airflow.
func (p *cronParser) checkNth() error {
	if !p.c.hasNth || p.plainWeekdays.all || p.plainWeekdays.size == 7 {
		return nil
	}
	for _, wd := range p.plainWeekdays.set {
		if p.c.nth[wd] == 0 {
			return errors.New("plain weekdays cannot be mixed with numbered ones: write MON#1,MON#2,... for all of them")
		}
	}
	return nil
}
