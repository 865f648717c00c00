package podrun

import "slices"

// over lays a pod over another, both in the spelling of the API, as the provider does:
// containers by their position; labels and annotations united; variables, mounts, volumes and
// the like appended; of everything else the later value stands, unless it is empty.
func over(base, by map[string]any) map[string]any {
	out := replace(base, by)
	oldMeta, newMeta := dict(base["metadata"]), dict(by["metadata"])
	metadata := replace(oldMeta, newMeta)
	for _, key := range []string{"labels", "annotations"} {
		if both := replace(dict(oldMeta[key]), dict(newMeta[key])); len(both) > 0 {
			metadata[key] = both
		}
	}
	extend(metadata, oldMeta, newMeta, "ownerReferences", "finalizers")
	oldSpec, newSpec := dict(base["spec"]), dict(by["spec"])
	spec := replace(oldSpec, newSpec)
	extend(spec, oldSpec, newSpec, "initContainers", "volumes")
	spec["containers"] = containers(list(oldSpec["containers"]), list(newSpec["containers"]))
	out["metadata"], out["spec"] = metadata, spec
	return out
}

func containers(base, by []any) []any {
	out := slices.Clone(base)
	for i, v := range by {
		c := dict(v)
		if i >= len(base) {
			out = append(out, c)
			continue
		}
		old := dict(base[i])
		merged := replace(old, c)
		extend(merged, old, c, "env", "envFrom", "ports", "volumeMounts", "volumeDevices")
		out[i] = merged
	}
	return out
}

// replace is base with the values of by that are not empty in their place.
func replace(base, by map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(by))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range by {
		if _, there := base[k]; !there || !empty(v) {
			out[k] = v
		}
	}
	return out
}

// extend has out have both lists under each key.
func extend(out, base, by map[string]any, keys ...string) {
	for _, key := range keys {
		if both := slices.Concat(list(base[key]), list(by[key])); len(both) > 0 {
			out[key] = both
		}
	}
}

// empty says that a value counts for nothing, as Python sees it.
func empty(v any) bool {
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

func dict(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
