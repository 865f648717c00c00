package timetable

import (
	"errors"
	"fmt"
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
	sp, ok := splitRange(text)
	if slash := strings.LastIndexByte(item, '/'); !ok && slash > 0 && slash < len(item)-1 {
		// 5/15 runs from 5 to the end of the field.
		sp, ok = splitRange(fmt.Sprintf("%s-%d/%s", item[:slash], r.max, item[slash+1:]))
		sp.open = true
	}
	if ok {
		sp.nth = nth
		return p.addRange(f, sp, vs)
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

// span is a range of values as it is written.
type span struct {
	low, high string
	step      int
	// open says that high was not written: it is the end of the field.
	open bool
	// nth are the occurrences in a month that a weekday has, as bits; 0 is all.
	nth uint8
}

// splitRange reads low-high and low-high/step.
func splitRange(s string) (sp span, ok bool) {
	low, rest, found := strings.Cut(s, "-")
	if !found || low == "" {
		return span{}, false
	}
	high, by, stepped := strings.Cut(rest, "/")
	if high == "" || strings.Contains(high, "-") || stepped && !allDigits(by) {
		return span{}, false
	}
	sp = span{low: low, high: high, step: 1}
	if stepped {
		sp.step = number(by)
	}
	return sp, true
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

func (p *cronParser) addRange(f field, sp span, vs *values) error {
	r := f.rule()
	if f == fieldDay && sp.high == "l" {
		sp.high = strconv.Itoa(r.max)
	}
	low, err := f.value(sp.low)
	if err != nil {
		return err
	}
	high, err := f.value(sp.high)
	if err != nil {
		return err
	}
	if sp.step == 0 {
		return errors.New("a step of 0 never gets anywhere: use 1 or more")
	}
	if max(low, high) > r.max {
		return fmt.Errorf("%s is out of range: use %d to %d", sp.high, r.min, r.max)
	}
	step := min(sp.step, r.max+1)
	to := high
	switch {
	case low > high:
		to = r.max
	case low == high && !sp.open:
		// An equal range is the whole cycle, not one value.
		low, to = r.min, r.max
	}
	last := low
	for n := low; n <= to; n += step {
		last = n
		if err := p.add(f, n, sp.nth, vs); err != nil {
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
		if err := p.add(f, n, sp.nth, vs); err != nil {
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
