package task

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/updraft-dev/updraft/run"
)

// LogURL is where people find an attempt's log in the UI at a base URL; empty without
// one.
func LogURL(base string, a run.Attempt) string {
	base = strings.TrimSuffix(base, "/")
	if base == "" {
		return ""
	}
	link := base + "/dags/" + url.PathEscape(a.DAG) + "/runs/" + url.PathEscape(a.Run) + "/tasks/" + url.PathEscape(a.Task)
	if a.Map >= 0 {
		link += fmt.Sprintf("/mapped/%d", a.Map)
	}
	return fmt.Sprintf("%s?try_number=%d", link, a.Try)
}
