package kubepod

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// mode says what a part of a pod may have beside fields of a pod.
type mode int

const (
	strict mode = iota
	// patching allows the directives of strategic merge patches.
	patching
)

// fault is something that no pod has.
type fault struct {
	// place is the path of the field: spec.containers[0].imgae.
	place string
	// text says what is wrong with it, and what to do.
	text string
}

// faults are those of one text, in the order of its fields.
type faults []fault

// maxFaults is how many faults a message has.
const maxFaults = 5

// String lists the faults in one line.
func (f faults) String() string {
	var parts []string
	for _, one := range f[:min(len(f), maxFaults)] {
		parts = append(parts, one.place+" "+one.text)
	}
	if n := len(f) - maxFaults; n > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, "; ")
}

// checkPod compares a value with the fields that a pod has. The decoders of Kubernetes would
// pass unknown fields over, or name no element of a list.
func checkPod(m map[string]any, mode mode) faults {
	c := checker{mode: mode}
	c.value("", m, reflect.TypeFor[corev1.Pod]())
	return c.found
}

type checker struct {
	mode  mode
	found faults
}

func (c *checker) fault(place, format string, args ...any) {
	c.found = append(c.found, fault{place, fmt.Sprintf(format, args...)})
}

// value checks a value that shall become one of a type.
func (c *checker) value(place string, v any, t reflect.Type) {
	if v == nil {
		return // as if it were not there
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if c.special(place, v, t) {
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		c.object(place, v, t)
	case reflect.Map:
		m, ok := v.(map[string]any)
		if !ok {
			c.fault(place, "is %s: write a dict", describe(v))
			return
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if c.directive(k) {
				continue
			}
			c.value(join(place, k), m[k], t.Elem())
		}
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			c.fault(place, "is %s: write a list", describe(v))
			return
		}
		for i, e := range list {
			c.value(place+"["+strconv.Itoa(i)+"]", e, t.Elem())
		}
	default:
		c.scalar(place, v, t.Kind())
	}
}

func (c *checker) scalar(place string, v any, kind reflect.Kind) {
	switch kind {
	case reflect.String:
		if _, ok := v.(string); !ok {
			c.fault(place, "is %s: write a text, in quotes", describe(v))
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			c.fault(place, "is %s: write true or false", describe(v))
		}
	case reflect.Int32, reflect.Int64:
		n, ok := v.(int64)
		if !ok || kind == reflect.Int32 && (n > math.MaxInt32 || n < math.MinInt32) {
			c.fault(place, "is %s: write an integer", describe(v))
		}
	}
}

// special checks values of types that read themselves; it is false for other types.
func (c *checker) special(place string, v any, t reflect.Type) bool {
	text, isText := v.(string)
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		_, isInt := v.(int64)
		_, isFloat := v.(float64)
		if isInt || isFloat {
			text = fmt.Sprint(v)
		}
		if _, err := resource.ParseQuantity(text); err != nil {
			c.fault(place, "is %s: write an amount such as 500m, 1.5, 512Mi or 2Gi", describe(v))
		}
	case reflect.TypeFor[intstr.IntOrString]():
		if n, isInt := v.(int64); !isText && (!isInt || n > math.MaxInt32 || n < math.MinInt32) {
			c.fault(place, "is %s: write an integer or a text", describe(v))
		}
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			c.fault(place, "is %s: write a time such as 2026-01-31T12:00:00Z", describe(v))
		}
	case reflect.TypeFor[[]byte]():
		if _, err := base64.StdEncoding.DecodeString(text); err != nil || !isText {
			c.fault(place, "is %s: write base64", describe(v))
		}
	case reflect.TypeFor[metav1.FieldsV1]():
	default:
		return false
	}
	return true
}

// object checks the fields of a struct.
func (c *checker) object(place string, v any, t reflect.Type) {
	m, ok := v.(map[string]any)
	if !ok {
		c.fault(place, "is %s: write a dict", describe(v))
		return
	}
	fields := map[string]reflect.Type{}
	collect(fields, t)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if c.directive(k) {
			continue
		}
		ft, known := fields[k]
		if !known {
			c.fault(join(place, k), "%s", unknown(k, t, slices.Sorted(maps.Keys(fields))))
			continue
		}
		c.value(join(place, k), m[k], ft)
	}
}

// directive says that a key is one of strategic merge patches ($patch and its like).
func (c *checker) directive(key string) bool {
	return c.mode == patching && strings.HasPrefix(key, "$")
}

// collect adds the fields of a struct by their names in JSON, those of embedded ones too.
func collect(fields map[string]reflect.Type, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && (name == "" || strings.Contains(options, "inline")):
			collect(fields, f.Type)
		case name != "":
			fields[name] = f.Type
		}
	}
}

// unknown says that a type has no such field, and which one may be meant.
func unknown(key string, t reflect.Type, names []string) string {
	what := fmt.Sprintf("is no field of %s", kindOf(t))
	if camel := camelCase(key); slices.Contains(names, camel) {
		return fmt.Sprintf("%s: write %s", what, camel)
	}
	best, distance := "", max(len(key)/3, 1)+1
	for _, n := range names {
		if d := editDistance(strings.ToLower(key), strings.ToLower(n)); d < distance {
			best, distance = n, d
		}
	}
	if best != "" {
		return fmt.Sprintf("%s: did you mean %s?", what, best)
	}
	return what + ": leave it away"
}

// kindOf names a type of the API for people: PodSpec.
func kindOf(t reflect.Type) string {
	name := t.Name()
	if strings.ContainsAny(name[:1], "AEIOU") {
		return "an " + name
	}
	return "a " + name
}

// camelCase is volumeMounts for volume_mounts, as the Python client writes it.
func camelCase(s string) string {
	parts := strings.Split(s, "_")
	for i, p := range parts {
		if i > 0 && p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// editDistance counts the letters to add, drop or change, and neighbours to swap.
func editDistance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		older := before
		before, row = row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(before[j+1]+1, row[j]+1, before[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// describe names a value in a message.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the text %.60q", v)
	case bool, int64, float64:
		return fmt.Sprintf("the value %v", v)
	case map[string]any:
		return "a dict"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("a %T", v)
}

func join(place, key string) string {
	if place == "" {
		return key
	}
	return place + "." + key
}
