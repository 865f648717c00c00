// Package kubemerge lays pods over each other as Airflow does: for pod_override of its
// executor and for the parameters of its pod operator. Pods are plain values in the spelling
// of the API.
package kubemerge

import (
	"maps"
	"slices"
)

// Over lays a pod over another: containers are merged by their position; some lists are
// appended; labels and annotations are united; of everything else the later value stands,
// unless it is empty. Refine, if not nil, is called with each container that both have, as it
// was merged so far, and its place among them. The result shares values with both.
func Over(base, by map[string]any, refine func(i int, merged, base, by map[string]any) error) (map[string]any, error) {
	out := Replace(base, by)
	if m, ok := by["metadata"].(map[string]any); ok {
		old := Dict(base["metadata"])
		meta := Replace(old, m)
		unite(meta, old, m, "labels", "annotations")
		extend(meta, old, m, "ownerReferences", "finalizers")
		out["metadata"] = meta
	}
	if s, ok := by["spec"].(map[string]any); ok {
		old := Dict(base["spec"])
		spec := Replace(old, s)
		extend(spec, old, s, "initContainers", "volumes")
		all, err := containers(List(old["containers"]), List(s["containers"]), refine)
		if err != nil {
			return nil, err
		}
		spec["containers"] = all
		out["spec"] = spec
	}
	return out, nil
}

func containers(base, by []any, refine func(int, map[string]any, map[string]any, map[string]any) error) ([]any, error) {
	out := slices.Clone(base)
	for i, v := range by {
		c := Dict(v)
		if i >= len(base) {
			out = append(out, c)
			continue
		}
		old := Dict(base[i])
		merged := Replace(old, c)
		extend(merged, old, c, "ports", "volumeMounts", "envFrom", "volumeDevices")
		env(merged, old, c)
		if refine != nil {
			if err := refine(i, merged, old, c); err != nil {
				return nil, err
			}
		}
		out[i] = merged
	}
	return out, nil
}

// Replace is base with the values of by in their place that are not Empty.
func Replace(base, by map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(by))
	maps.Copy(out, base)
	for k, v := range by {
		if _, there := base[k]; !there || !Empty(v) {
			out[k] = v
		}
	}
	return out
}

// Empty says that a value counts for nothing in Airflow's merge, as Python sees it.
func Empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// extend has out have both lists under each key.
func extend(out, base, by map[string]any, keys ...string) {
	for _, key := range keys {
		if both := slices.Concat(List(base[key]), List(by[key])); len(both) > 0 {
			out[key] = both
		}
	}
}

// unite has out have the entries of both dicts under each key.
func unite(out, base, by map[string]any, keys ...string) {
	for _, key := range keys {
		both := map[string]any{}
		maps.Copy(both, Dict(base[key]))
		maps.Copy(both, Dict(by[key]))
		if len(both) > 0 {
			out[key] = both
		}
	}
}

// env appends variables. The later of two with one name counts for Kubernetes; the earlier
// is taken away, since some of its tools refuse such lists.
func env(out, base, by map[string]any) {
	later := map[any]bool{}
	for _, v := range List(by["env"]) {
		later[Dict(v)["name"]] = true
	}
	var kept []any
	for _, v := range List(base["env"]) {
		if !later[Dict(v)["name"]] {
			kept = append(kept, v)
		}
	}
	extend(out, map[string]any{"env": kept}, by, "env")
}

// Dict is a value that is a dict, nil for others.
func Dict(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// List is a value that is a list, nil for others.
func List(v any) []any {
	l, _ := v.([]any)
	return l
}
