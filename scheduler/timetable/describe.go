package timetable

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// describe says a valid expression in English, in the words that Airflow shows. It is
// empty for more than five fields, aliases, and what those words cannot express.
func describe(text string) string {
	fields := splitFields(text)
	if len(fields) != 5 {
		return ""
	}
	if fields[fieldDay] == "*" || fields[fieldWeekday] == "*" {
		s, _ := describeFields(fields)
		return s
	}
	byDay := append([]string(nil), fields...)
	byDay[fieldWeekday] = "*"
	byWeekday := append([]string(nil), fields...)
	byWeekday[fieldDay] = "*"
	a, errA := describeFields(byDay)
	b, errB := describeFields(byWeekday)
	if errA != nil || errB != nil {
		return ""
	}
	return a + " (or) " + b
}

var errIndescribable = errors.New("indescribable")

func describeFields(fields []string) (string, error) {
	f := normalize(fields)
	clock, err := describeClock(f[fieldMinute], f[fieldHour])
	if err != nil {
		return "", err
	}
	day, err := describeDay(f[fieldDay])
	if err != nil {
		return "", err
	}
	month, err := monthWords().segment(f[fieldMonth])
	if err != nil {
		return "", err
	}
	weekday, err := describeWeekday(f[fieldWeekday])
	if err != nil {
		return "", err
	}
	s := clock + day + weekday + month
	for _, obvious := range []string{", every minute", ", every hour", ", every day"} {
		s = strings.ReplaceAll(s, obvious, "")
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, ", "), ",")
	if s == "" {
		return "", errIndescribable
	}
	return strings.ToUpper(s[:1]) + s[1:], nil
}

// normalize brings the fields into the few forms that the phrases know.
func normalize(fields []string) [5]string {
	var f [5]string
	copy(f[:], fields)
	f[fieldDay] = strings.ReplaceAll(f[fieldDay], "?", "*")
	f[fieldWeekday] = strings.ReplaceAll(f[fieldWeekday], "?", "*")
	for i, first := range [5]string{"0/", "0/", "1/", "1/", "1/"} {
		// The replacement is not limited to the first item: 0/5,10/3 reads */5,1*/3.
		if strings.HasPrefix(f[i], first) {
			f[i] = strings.ReplaceAll(f[i], first, "*/")
		}
	}
	f[fieldMonth] = namesToNumbers(f[fieldMonth], "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", 1)
	f[fieldWeekday] = namesToNumbers(f[fieldWeekday], "SUNMONTUEWEDTHUFRISAT", 0)
	for i := range f {
		if f[i] == "*/1" {
			f[i] = "*"
		}
		if base, step, found := strings.Cut(f[i], "/"); found && !strings.ContainsAny(f[i], "*-,") {
			switch field(i) {
			case fieldMonth:
				f[i] = base + "-12/" + step
			case fieldWeekday:
				f[i] = base + "-6/" + step
			}
		}
	}
	return f
}

func namesToNumbers(s, names string, base int) string {
	s = strings.ToUpper(s)
	for i := 0; i < len(names); i += 3 {
		s = strings.ReplaceAll(s, names[i:i+3], strconv.Itoa(base+i/3))
	}
	return s
}

func describeClock(minute, hour string) (string, error) {
	const special = "/-,*"
	plainHour := !strings.ContainsAny(hour, special)
	plainMinute := !strings.ContainsAny(minute, special)
	switch {
	case plainHour && plainMinute:
		at, err := clockTime(hour, minute)
		return "At " + at, err
	case plainHour && strings.Contains(minute, "-") && !strings.ContainsAny(minute, ",/"):
		low, high, _ := strings.Cut(minute, "-")
		from, errFrom := clockTime(hour, low)
		to, errTo := clockTime(hour, high)
		return "Every minute between " + from + " and " + to, errors.Join(errFrom, errTo)
	case plainMinute && strings.Contains(hour, ",") && !strings.Contains(hour, "-"):
		return describeHourList(strings.Split(hour, ","), minute)
	}
	minutes, err := minuteWords(hour).segment(minute)
	if err != nil {
		return "", err
	}
	if plainHour && strings.ContainsAny(minute, "*/") {
		hour += "-" + hour
	}
	hours, err := hourWords().segment(hour)
	if err != nil || minutes == "" {
		return hours, err
	}
	if hours != "" {
		hours = ", " + hours
	}
	return minutes + hours, nil
}

func describeHourList(hours []string, minute string) (string, error) {
	for i, h := range hours {
		at, err := clockTime(h, minute)
		if err != nil {
			return "", err
		}
		hours[i] = at
	}
	last := len(hours) - 1
	return "At " + strings.Join(hours[:last], ", ") + " and " + hours[last], nil
}

func clockTime(hour, minute string) (string, error) {
	h, err := strconv.Atoi(hour)
	if err != nil {
		return "", errIndescribable
	}
	m, err := strconv.Atoi(minute)
	if err != nil {
		return "", errIndescribable
	}
	return fmt.Sprintf("%02d:%02d", h, m), nil
}

// words are the phrases for one field. Their arguments are items said by item.
type words struct {
	all   string
	item  func(string) (string, error)
	every func(step string) string
	// between is for a range alone; in a list it is "a through b".
	between func(a, b string) string
	// on puts the item or list into its sentence; expr is the field.
	on func(expr, content string) string
}

func asIs(s string) (string, error) { return s, nil }

func minuteWords(hour string) words {
	return words{
		all: "every minute", item: asIs,
		every:   func(step string) string { return "every " + step + " minutes" },
		between: func(a, b string) string { return "minutes " + a + " through " + b + " past the hour" },
		on: func(expr, content string) string {
			// A lone range of hours needs the minute to be understood.
			if expr == "0" && (strings.ContainsAny(hour, "/,") || !strings.Contains(hour, "-")) {
				return ""
			}
			return "at " + content + " minutes past the hour"
		},
	}
}

func hourWords() words {
	return words{
		all: "every hour", item: func(s string) (string, error) { return clockTime(s, "0") },
		every:   func(step string) string { return "every " + step + " hours" },
		between: func(a, b string) string { return "between " + a + " and " + b },
		on:      func(_, content string) string { return "at " + content },
	}
}

func monthWords() words {
	return words{
		item: func(s string) (string, error) {
			return pick(s, 1, "January", "February", "March", "April", "May", "June",
				"July", "August", "September", "October", "November", "December")
		},
		every:   func(step string) string { return ", every " + step + " months" },
		between: func(a, b string) string { return ", " + a + " through " + b },
		on:      func(_, content string) string { return ", only in " + content },
	}
}

func dayWords() words {
	return words{
		all: ", every day", item: asIs,
		every: func(step string) string {
			if step == "1" {
				return ", every day"
			}
			return ", every " + step + " days"
		},
		between: func(a, b string) string { return ", between day " + a + " and " + b + " of the month" },
		on:      func(_, content string) string { return ", on day " + content + " of the month" },
	}
}

func weekdayWords() words {
	return words{
		item: func(s string) (string, error) {
			s, _, _ = strings.Cut(s, "#")
			if s = strings.ReplaceAll(s, "L", ""); s == "7" {
				s = "0"
			}
			return pick(s, 0, "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
		},
		every:   func(step string) string { return ", every " + step + " days of the week" },
		between: func(a, b string) string { return ", " + a + " through " + b },
		on: func(expr, content string) string {
			if _, n, found := strings.Cut(expr, "#"); found {
				ordinal, _ := pick(n, 1, "first", "second", "third", "fourth", "fifth")
				return ", on the " + ordinal + " " + content + " of the month"
			}
			if strings.Contains(expr, "L") {
				return ", on the last " + content + " of the month"
			}
			return ", only on " + content
		},
	}
}

func pick(number string, base int, names ...string) (string, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < base || n-base >= len(names) {
		return "", errIndescribable
	}
	return names[n-base], nil
}

func describeDay(expr string) (string, error) {
	if expr == "L" {
		return ", on the last day of the month", nil
	}
	if n, ok := nearestDay(expr); ok {
		if n == 1 {
			return ", on the first weekday of the month", nil
		}
		return fmt.Sprintf(", on the weekday nearest day %d of the month", n), nil
	}
	return dayWords().segment(expr)
}

func nearestDay(expr string) (int, bool) {
	digits := strings.TrimPrefix(strings.TrimSuffix(expr, "W"), "W")
	if digits == expr || !allDigits(digits) {
		return 0, false
	}
	return number(digits), true
}

// describeWeekday differs from other fields in steps that give a single day of each
// week, or a whole list: they read as weeks.
func describeWeekday(expr string) (string, error) {
	w := weekdayWords()
	if expr == "*" {
		return "", nil
	}
	base, step, found := strings.Cut(expr, "/")
	if !found || base == "*" || !allDigits(step) {
		return w.segment(expr)
	}
	weeks := ", every " + step + " weeks"
	if strings.Contains(base, ",") {
		w.on = func(_, content string) string { return ", only on " + content }
		list, err := w.list(base)
		return weeks + list, err
	}
	low, high, isRange := strings.Cut(base, "-")
	from, errFrom := strconv.Atoi(low)
	to, errTo := strconv.Atoi(high)
	if !isRange || errFrom != nil || errTo != nil {
		return w.segment(expr)
	}
	from %= 7
	if to == 0 {
		to = 7
	}
	if from+number(step) <= to {
		return w.segment(expr)
	}
	if to == 6 {
		only, err := w.segment(low)
		return weeks + only, err
	}
	through, err := w.segment(base)
	return weeks + through, err
}

// segment describes one field.
func (w words) segment(expr string) (string, error) {
	switch {
	case expr == "*":
		return w.all, nil
	case strings.Contains(expr, ","):
		return w.list(expr)
	case strings.Contains(expr, "/"):
		return w.step(expr)
	case strings.Contains(expr, "-"):
		return w.span(expr, w.between)
	}
	item, err := w.item(expr)
	return w.on(expr, item), err
}

// span describes a range. The end of an hour range is its last minute.
func (w words) span(expr string, phrase func(a, b string) string) (string, error) {
	parts := strings.Split(expr, "-")
	a, errA := w.item(parts[0])
	b, errB := w.item(parts[1])
	return phrase(a, strings.ReplaceAll(b, ":00", ":59")), errors.Join(errA, errB)
}

func (w words) step(expr string) (string, error) {
	base, step, _ := strings.Cut(expr, "/")
	s := w.every(step)
	if strings.Contains(base, "-") {
		between, err := w.span(base, w.between)
		return s + ", " + strings.TrimPrefix(between, ", "), err
	}
	if base == "*" {
		return s, nil
	}
	item, err := w.item(base)
	return s + ", starting " + strings.TrimPrefix(w.on(base, item), ", "), err
}

func (w words) list(expr string) (string, error) {
	items := strings.Split(expr, ",")
	for i, item := range items {
		said, err := w.listItem(item)
		if err != nil {
			return "", err
		}
		items[i] = said
	}
	last := len(items) - 1
	content := items[0] + " and " + items[last]
	if last > 1 {
		content = strings.Join(items[:last], ", ") + ", and " + items[last]
	}
	return w.on(expr, content), nil
}

func (w words) listItem(item string) (string, error) {
	through := func(a, b string) string { return a + " through " + b }
	base, step, found := strings.Cut(item, "/")
	switch {
	case !found && strings.Contains(item, "-"):
		return w.span(item, through)
	case !found:
		return w.item(item)
	}
	s := strings.TrimPrefix(w.every(step), ", ")
	if strings.Contains(base, "-") {
		span, err := w.span(base, through)
		return s + ", " + span, err
	}
	if base == "*" {
		return s, nil
	}
	// What should follow is left out in lists, but not its comma.
	_, err := w.item(base)
	return s + ", ", err
}
