package dag

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"
)

var fixedOffset = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})(?::?(\d{2}))?$`) })

// LoadLocation returns the location of a time zone: an IANA name, a fixed offset
// such as "+05:30", or "" for UTC. "Local" is refused, because a DAG must mean the
// same on every machine.
func LoadLocation(name string) (*time.Location, error) {
	switch name {
	case "", "UTC", "utc", "Z":
		return time.UTC, nil
	case "Local":
		return nil, fmt.Errorf("time zone %q depends on the machine: use an IANA name such as Europe/Zurich", name)
	}
	if m := fixedOffset().FindStringSubmatch(name); m != nil {
		part := func(s string) int { n, _ := strconv.Atoi(s); return n }
		seconds := part(m[2])*3600 + part(m[3])*60 + part(m[4])
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(name, seconds), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q: use an IANA name such as Europe/Zurich, or an offset such as +01:00", name)
	}
	return loc, nil
}
