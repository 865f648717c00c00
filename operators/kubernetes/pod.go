package kubernetes

import (
	"maps"
	"slices"
)

// container is what the base container runs. Its name is filled in later.
type container struct {
	name          string
	command, args []string
	// env is added to that of the arguments.
	env []any
}

// pod is the pod that the arguments describe; what they leave out is not in it, so that it
// can be put over a template.
func (r *reader) pod(c container) map[string]any {
	metadata := map[string]any{}
	put(metadata, "name", get(r, "name", ""))
	put(metadata, "namespace", get(r, "namespace", ""))
	put(metadata, "labels", r.texts("labels"))
	put(metadata, "annotations", r.texts("annotations"))
	spec := map[string]any{"containers": []any{r.base(c)}, "restartPolicy": "Never"}
	for arg, field := range map[string]string{
		"priority_class_name": "priorityClassName", "service_account_name": "serviceAccountName", "hostname": "hostname",
		"subdomain": "subdomain", "dnspolicy": "dnsPolicy", "schedulername": "schedulerName",
	} {
		put(spec, field, get(r, arg, ""))
	}
	for arg, field := range map[string]string{"affinity": "affinity", "security_context": "securityContext", "dns_config": "dnsConfig"} {
		put(spec, field, r.object(arg))
	}
	put(spec, "nodeSelector", r.texts("node_selector"))
	for arg, field := range map[string]string{
		"tolerations": "tolerations", "host_aliases": "hostAliases", "init_containers": "initContainers", "volumes": "volumes",
	} {
		put(spec, field, r.list(arg))
	}
	put(spec, "imagePullSecrets", r.pullSecrets())
	for arg, field := range map[string]string{"active_deadline_seconds": "activeDeadlineSeconds", "termination_grace_period": "terminationGracePeriodSeconds"} {
		if r.a.Args[arg] != nil {
			spec[field] = get(r, arg, 0)
		}
	}
	if get(r, "hostnetwork", false) {
		spec["hostNetwork"] = true
	}
	if r.a.Args["automount_service_account_token"] != nil {
		spec["automountServiceAccountToken"] = get(r, "automount_service_account_token", false)
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
}

// base is the base container.
func (r *reader) base(c container) map[string]any {
	out := map[string]any{"name": c.name}
	put(out, "image", get(r, "image", ""))
	put(out, "imagePullPolicy", get(r, "image_pull_policy", ""))
	if policy := get(r, "termination_message_policy", ""); policy != "File" { // which is Kubernetes' default
		put(out, "terminationMessagePolicy", policy)
	}
	put(out, "command", anys(c.command))
	put(out, "args", anys(c.args))
	put(out, "env", append(r.environment(), c.env...))
	put(out, "envFrom", r.sources())
	put(out, "ports", r.list("ports"))
	put(out, "volumeMounts", r.list("volume_mounts"))
	put(out, "securityContext", r.object("container_security_context"))
	put(out, "resources", r.resources())
	return out
}

// resources is container_resources. Older files have it in Airflow's own words.
func (r *reader) resources() map[string]any {
	given := r.object("container_resources")
	if len(given) == 0 {
		if memory := r.a.Task.Resources.Memory; memory > 0 {
			return map[string]any{"requests": map[string]any{"memory": memory}, "limits": map[string]any{"memory": memory}}
		}
		return nil
	}
	old := map[string][2]string{
		"request_memory": {"requests", "memory"}, "request_cpu": {"requests", "cpu"}, "request_ephemeral_storage": {"requests", "ephemeral-storage"},
		"limit_memory": {"limits", "memory"}, "limit_cpu": {"limits", "cpu"}, "limit_ephemeral_storage": {"limits", "ephemeral-storage"},
		"limit_gpu": {"limits", "nvidia.com/gpu"},
	}
	out := map[string]any{}
	for _, k := range slices.Sorted(maps.Keys(given)) {
		place, isOld := old[k]
		if !isOld {
			out[k] = given[k]
			continue
		}
		if given[k] == nil {
			continue
		}
		group, ok := out[place[0]].(map[string]any)
		if !ok {
			group = map[string]any{}
			out[place[0]] = group
		}
		group[place[1]] = given[k]
	}
	return out
}

// put sets a field unless the value is empty.
func put(m map[string]any, field string, v any) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	case map[string]any:
		if len(v) == 0 {
			return
		}
	}
	m[field] = v
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
