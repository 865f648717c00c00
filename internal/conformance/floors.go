package conformance

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Floors are the percentages of agreement that families have reached and must keep.
type Floors map[string]float64

// ReadFloors reads a file of lines "family percentage"; # begins a comment.
func ReadFloors(file string) (Floors, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	out := Floors{}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("%s:%d: %q: write a family and its percentage, such as \"retries 100\"", file, i+1, line)
		}
		percent, err := strconv.ParseFloat(fields[1], 64)
		if err != nil || percent < 0 || percent > 100 {
			return nil, fmt.Errorf("%s:%d: %q is no percentage: use a number from 0 to 100", file, i+1, fields[1])
		}
		if _, there := out[fields[0]]; there {
			return nil, fmt.Errorf("%s:%d: family %s is there twice: keep the higher one", file, i+1, fields[0])
		}
		out[fields[0]] = percent
	}
	return out, nil
}

// Check returns an error if a family has fallen below its floor, or has none.
func (f Floors) Check(t Tally) error {
	floor, there := f[t.Family]
	switch {
	case !there:
		return fmt.Errorf("%s has no floor: add \"%s %.1f\" to floors.txt", t.Family, t.Family, t.percent())
	case t.percent() < floor:
		return fmt.Errorf("%s: %d of %d agree (%.2f %%), the floor is %g %%", t.Family, t.Agree, t.Total, t.percent(), floor)
	}
	return nil
}
