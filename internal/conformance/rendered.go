package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// renderedText is a rendered argument in one form for both sides: what was not given and
// what is empty are the same, a list of a mapped task's values is one however it is shown.
func renderedText(v any) string {
	v = renderedValue(v)
	switch e := v.(type) {
	case nil:
		return ""
	case []any:
		if len(e) == 0 {
			return ""
		}
	case map[string]any:
		if len(e) == 0 {
			return ""
		}
	}
	return jsonText(v)
}

func renderedValue(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = renderedValue(e)
		}
		return out
	case task.Tuple:
		return renderedValue([]any(v))
	case map[string]any:
		if class, ok := v["__classname__"].(string); ok && strings.HasPrefix(class, "builtins.") {
			return renderedValue(v["__data__"])
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = renderedValue(e)
		}
		return out
	case json.RawMessage:
		decoded, err := task.DecodeXCom(v)
		if err != nil {
			return string(v)
		}
		return renderedValue(decoded)
	case dag.Callable:
		return v.String()
	case time.Duration:
		total := int64(v.Seconds())
		return fmt.Sprintf("%d:%02d:%02d", total/3600, total/60%60, total%60)
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05+00:00")
	}
	return v
}

// lazyList is how Airflow shows the list of a mapped task's values.
const lazyList = "LazyXComSequence(<unevaluated length>)"

// asShown is v with lists of values where Airflow shows that there is one.
func asShown(theirs, v any) any {
	if theirs == lazyList {
		if _, ok := v.([]any); ok {
			return lazyList
		}
	}
	list, _ := theirs.([]any)
	if own, ok := v.([]any); ok && len(own) == len(list) {
		out := make([]any, len(own))
		for i := range own {
			out[i] = asShown(list[i], own[i])
		}
		return out
	}
	return v
}
