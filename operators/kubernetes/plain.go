package kubernetes

import (
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// secretFields are the parameters of Airflow's Secret, in their order.
var secretFields = []string{"deploy_type", "deploy_target", "secret", "key", "items"}

// plain is a value as JSON has it: objects of kubernetes.client.models, as YAML files may
// write them, become dicts in the spelling of Kubernetes' API. Positions are the names of the
// positional parameters of an object that is no model.
func plain(v any, positions []string) any {
	switch v := v.(type) {
	case task.Tuple:
		return plain([]any(v), nil)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e, nil)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e, nil)
		}
		return out
	case dag.Object:
		return fields(v, positions)
	default:
		return v
	}
}

// fields are those of an object, or the object itself where it is no model.
func fields(o dag.Object, positions []string) any {
	class := o.Class[strings.LastIndexByte(o.Class, '.')+1:]
	model := strings.HasPrefix(class, "V1")
	if !model && class != "Secret" || len(o.Args) > len(positions) {
		return o
	}
	out := make(map[string]any, len(o.Kwargs)+len(o.Args))
	for i, e := range o.Args {
		out[positions[i]] = plain(e, nil)
	}
	for k, e := range o.Kwargs {
		if model {
			k = camel(k)
		}
		if e != nil {
			out[k] = plain(e, nil)
		}
	}
	return out
}

// camel is a field's name in the API for its name in Python.
func camel(name string) string {
	words := strings.Split(strings.TrimPrefix(name, "_"), "_")
	for i, w := range words[1:] {
		if slices.Contains([]string{"id", "ip", "uri", "uuid", "ipc", "pid", "fqdn"}, w) {
			words[i+1] = strings.ToUpper(w)
		} else if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	joined := strings.Join(words, "")
	switch joined {
	case "downwardApi":
		return "downwardAPI"
	case "scaleIo":
		return "scaleIO"
	case "targetWwNs":
		return "targetWWNs"
	}
	return joined
}
