package timetable

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is one of the seven fields of a cron expression, in Airflow's order: the
// seconds come after the day of week.
type field int

const (
	fieldMinute field = iota
	fieldHour
	fieldDay
	fieldMonth
	fieldWeekday
	fieldSecond
	fieldYear
)

type fieldRule struct {
	name     string
	min, max int
}

func (f field) rule() fieldRule {
	return [...]fieldRule{
		{"minute", 0, 59}, {"hour", 0, 23}, {"day of month", 1, 31}, {"month", 1, 12},
		{"day of week", 0, 6}, {"second", 0, 59}, {"year", firstYear, lastYear},
	}[f]
}

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

// parseItem adds one item of a comma-separated field to vs.
func (p *cronParser) parseItem(f field, item string, vs *values) error {
	if err := refuse(f, item); err != nil {
		return err
	}
	var nth uint8
	if f == fieldWeekday {
		var err error
		if item, nth, err = nthOf(item); err != nil {
			return err
		}
	}
	r := f.rule()
	text := item
	if strings.HasPrefix(item, "*/") {
		text = fmt.Sprintf("%d-%d%s", r.min, r.max, item[1:])
	}
	low, high, step, ok := splitRange(text)
	single := false
	if slash := strings.LastIndexByte(item, '/'); !ok && slash > 0 && slash < len(item)-1 {
		// 5/15 runs from 5 to the end of the field.
		low, high, step, ok = splitRange(fmt.Sprintf("%s-%d/%s", item[:slash], r.max, item[slash+1:]))
		single = ok
	}
	if ok {
		return p.addRange(f, low, high, step, single, nth, vs)
	}
	switch {
	case strings.HasPrefix(item, "-"):
		return errors.New("negative numbers are not possible")
	case item == "*":
		vs.star = true
		return nil
	case f == fieldDay && item == "l":
		vs.last = true
		return nil
	}
	n, err := f.value(item)
	if err != nil {
		return err
	}
	return p.add(f, n, nth, vs)
}

func refuse(f field, item string) error {
	r := f.rule()
	if rest := strings.TrimLeft(item, "hr"); len(item)-len(rest) == 1 && (rest == "" || rest[0] == '(' || rest[0] == '/') {
		return fmt.Errorf("H and R choose a value by hash or at random, which would differ from call to call: choose one from %d to %d", r.min, r.max)
	}
	return nil
}

// splitRange reads low-high and low-high/step.
func splitRange(s string) (low, high string, step int, ok bool) {
	low, rest, found := strings.Cut(s, "-")
	if !found || low == "" {
		return "", "", 0, false
	}
	high, by, stepped := strings.Cut(rest, "/")
	if high == "" || strings.Contains(high, "-") || stepped && !allDigits(by) {
		return "", "", 0, false
	}
	if step = 1; stepped {
		step = number(by)
	}
	return low, high, step, true
}

// nthOf splits FRI#2 into fri and 2, and L5 into 5 and last. A range before the # must
// be written with names.
func nthOf(item string) (rest string, nth uint8, err error) {
	if digits, last := strings.CutPrefix(item, "l"); last && allDigits(digits) {
		return digits, 1 << 6, nil
	}
	rest, digits, found := strings.Cut(item, "#")
	if !found || !allDigits(digits) || !isWord(rest) && !isNameRange(rest) {
		return item, 0, nil
	}
	n := number(digits)
	if n < 1 || n > 5 {
		return "", 0, fmt.Errorf("#%s is not possible: a month has the 1st to 5th of a weekday", digits)
	}
	return rest, 1 << n, nil
}

func isNameRange(s string) bool {
	a, b, ok := strings.Cut(s, "-")
	for _, f := range []field{fieldWeekday, fieldMonth} {
		_, okA := nameValue(f, a)
		_, okB := nameValue(f, b)
		if ok && okA && okB {
			return true
		}
	}
	return false
}

func (p *cronParser) addRange(f field, lowText, highText string, step int, single bool, nth uint8, vs *values) error {
	r := f.rule()
	if f == fieldDay && highText == "l" {
		highText = strconv.Itoa(r.max)
	}
	low, err := f.value(lowText)
	if err != nil {
		return err
	}
	high, err := f.value(highText)
	if err != nil {
		return err
	}
	if step == 0 {
		return errors.New("a step of 0 never gets anywhere: use 1 or more")
	}
	if max(low, high) > r.max {
		return fmt.Errorf("%s is out of range: use %d to %d", highText, r.min, r.max)
	}
	step = min(step, r.max+1)
	to := high
	switch {
	case low > high:
		to = r.max
	case low == high && !single:
		// An equal range is the whole cycle, not one value.
		low, to = r.min, r.max
	}
	last := low
	for n := low; n <= to; n += step {
		last = n
		if err := p.add(f, n, nth, vs); err != nil {
			return err
		}
	}
	if low <= high {
		return nil
	}
	// Over the end of the field: the step is carried on only when it is longer than
	// what is left there, and then counted from the last value of the field.
	from := r.min
	if left := r.max - last; last-r.min+step > r.max-r.min+1 && left < step {
		from += step - left
	}
	for n := from; n <= high; n += step {
		if err := p.add(f, n, nth, vs); err != nil {
			return err
		}
	}
	return nil
}

func (p *cronParser) add(f field, n int, nth uint8, vs *values) error {
	if r := f.rule(); n < r.min || n > r.max {
		return fmt.Errorf("%d is out of range: use %d to %d", n, r.min, r.max)
	}
	vs.set = append(vs.set, n)
	if nth != 0 {
		p.c.nth[n] |= nth
		p.c.hasNth = true
	}
	return nil
}

// value reads a number or a name.
func (f field) value(text string) (int, error) {
	r := f.rule()
	if !allDigits(text) {
		if n, ok := nameValue(f, text); ok {
			return n, nil
		}
		return 0, fmt.Errorf("%q is not understood: use numbers from %d to %d%s", text, r.min, r.max, f.examples())
	}
	n := number(text)
	if f == fieldWeekday && n == 7 {
		return 0, nil
	}
	return n, nil
}

func (f field) examples() string {
	switch f {
	case fieldDay:
		return ", *, ?, L (last day) or 15W (nearest working day)"
	case fieldMonth:
		return ", * or names from JAN to DEC"
	case fieldWeekday:
		return ", *, ?, names from SUN to SAT, FRI#2 (second Friday) or L5 (last Friday)"
	}
	return " or *"
}

func nameValue(f field, text string) (int, bool) {
	if len(text) != 3 {
		return 0, false
	}
	names, base := "janfebmaraprmayjunjulaugsepoctnovdec", 1
	switch f {
	case fieldWeekday:
		names, base = "sunmontuewedthufrisat", 0
	case fieldMonth:
	default:
		return 0, false
	}
	for i := 0; i < len(names); i += 3 {
		if names[i:i+3] == text {
			return base + i/3, true
		}
	}
	return 0, false
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

// number reads digits; what is too large for any field stays too large.
func number(digits string) int {
	n := 0
	for _, c := range []byte(digits) {
		n = min(n*10+int(c-'0'), 1_000_000)
	}
	return n
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func isWord(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz_") == ""
}
