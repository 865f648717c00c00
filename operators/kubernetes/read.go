package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// defaultBase is the name of the base container.
const defaultBase = "base"

// reader reads arguments and collects what is wrong with them.
type reader struct {
	a    *task.Attempt
	errs []error
}

func get[T any](r *reader, name string, def T) T {
	v, err := task.Get(r.a, name, def)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return v
}

func (r *reader) fault(format string, args ...any) {
	r.errs = append(r.errs, task.Misconfigured(fmt.Errorf(format, args...)))
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// request is what the arguments ask for, with the base container as it is given.
func (r *reader) request(ctx context.Context, c container) *Request {
	a := r.a
	for _, name := range []string{"callbacks", "progress_callback", "log_formatter"} {
		if v := a.Args[name]; v != nil {
			r.fault("argument %s: it wants Kubernetes' client for Python, which is not at work here: use the task's own callbacks, or leave it out", name)
		}
	}
	q := &Request{
		Base: get(r, "base_container_name", ""), TaskID: a.Key.Task, RandomSuffix: get(r, "random_name_suffix", true),
		Identity: identity(a.Key), Try: a.Key.Try, Reattach: get(r, "reattach_on_restart", true), OnFinish: r.onFinish(),
		XCom: get(r, "do_xcom_push", false), StartSeconds: int64(get(r, "startup_timeout_seconds", 120)), Show: r.show(),
	}
	if q.Base == "" {
		q.Base = defaultBase
	}
	if len(q.Show.Containers) == 0 && get(r, "get_logs", true) {
		q.Show.Containers = []string{q.Base}
	}
	if q.ScheduleSeconds = int64(get(r, "schedule_timeout_seconds", 0)); q.ScheduleSeconds == 0 {
		q.ScheduleSeconds = q.StartSeconds
	}
	c.name = q.Base
	q.Template = r.template()
	if full := r.object("full_pod_spec"); full != nil {
		q.FullSpec = r.json("full_pod_spec", full)
	}
	q.Pod = r.json("the pod", r.pod(c))
	q.Secrets = r.secrets()
	r.cluster(ctx, q)
	return q
}

// identity are the labels by which the provider finds the pods of a task instance, of any
// try.
func identity(key run.Attempt) map[string]string {
	out := map[string]string{"dag_id": key.DAG, "task_id": key.Task, "run_id": key.Run, "kubernetes_pod_operator": "True"}
	if key.Map >= 0 {
		out["map_index"] = strconv.Itoa(key.Map)
	}
	return out
}

// onFinish is on_finish_action; older files have a boolean.
func (r *reader) onFinish() string {
	switch v := r.a.Args["is_delete_operator_pod"].(type) {
	case nil:
	case bool:
		if v {
			return DeletePod
		}
		return KeepPod
	default:
		r.fault("argument is_delete_operator_pod is %v: use on_finish_action", v)
	}
	action := get(r, "on_finish_action", DeletePod)
	if !slices.Contains([]string{DeletePod, DeleteSucceededPod, DeleteActivePod, KeepPod}, action) {
		r.fault("argument on_finish_action is %q: use delete_pod, delete_succeeded_pod, delete_active_pod or keep_pod", action)
	}
	return action
}

func (r *reader) show() Show {
	s := Show{
		InitContainers: r.which("init_container_logs"), Events: get(r, "log_events_on_failure", false), Manifest: get(r, "log_pod_spec_on_failure", true),
	}
	if get(r, "get_logs", true) {
		s.Containers = r.which("container_logs")
	}
	if r.a.Args["container_name_log_prefix_enabled"] != nil {
		prefix := get(r, "container_name_log_prefix_enabled", false)
		s.Prefix = &prefix
	}
	return s
}

// which are names of containers; true is all of them.
func (r *reader) which(name string) []string {
	if all, ok := r.a.Args[name].(bool); ok {
		if all {
			return []string{"*"}
		}
		return nil
	}
	return get(r, name, []string(nil))
}

// template is the manifest that all else is put over.
func (r *reader) template() string {
	path := get(r, "pod_template_file", "")
	if path == "" {
		if dict := r.object("pod_template_dict"); dict != nil {
			return string(r.json("pod_template_dict", dict))
		}
		return ""
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.a.Dir, path)
	}
	text, err := readFile(path)
	if err != nil {
		r.fault("argument pod_template_file: %w", err)
	}
	return text
}

// maxTemplate bounds a template: the API server takes no larger object.
const maxTemplate = 1 << 20

func readFile(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if st.Size() > maxTemplate {
		return "", fmt.Errorf("%s is larger than 1 MiB: no pod may be", path)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// secrets are Secret objects, or dicts of the same fields.
func (r *reader) secrets() []Secret {
	var out []Secret
	for i, v := range get(r, "secrets", []any(nil)) {
		var s Secret
		fields, ok := plain(v, secretFields).(map[string]any)
		if !ok {
			r.fault("argument secrets: element %d is %s: use a Secret, or a dict with deploy_type, deploy_target, secret and key", i, task.PythonText(v))
			continue
		}
		raw, err := json.Marshal(fields)
		if err == nil {
			err = json.Unmarshal(raw, &s)
		}
		switch {
		case err != nil:
			r.fault("argument secrets: element %d: %w", i, err)
		case s.Name == "":
			r.fault("argument secrets: element %d names no secret", i)
		case s.Type != "env" && s.Type != "volume":
			r.fault("argument secrets: deploy_type of secret %s is %q: use env or volume", s.Name, s.Type)
		case s.Type == "volume" && s.Target == "":
			r.fault("argument secrets: deploy_target of secret %s is missing: name the folder", s.Name)
		case s.Type == "env" && s.Key != "" && s.Target == "":
			r.fault("argument secrets: deploy_target of secret %s is missing: name the variable for %s", s.Name, s.Key)
		default:
			out = append(out, s)
		}
	}
	return out
}

// object is an argument that is a dict of Kubernetes; nil if it is absent or empty.
func (r *reader) object(name string) map[string]any {
	v := plain(r.a.Args[name], nil)
	if v == nil {
		return nil
	}
	dict, ok := v.(map[string]any)
	if !ok {
		r.fault("argument %s is %s: use a dict, or an object of kubernetes.client.models", name, task.PythonText(v))
	}
	if len(dict) == 0 {
		return nil
	}
	return dict
}

// list is an argument that is a list of Kubernetes' objects; nil if it is absent or empty.
func (r *reader) list(name string) []any {
	var out []any
	for i, v := range get(r, name, []any(nil)) {
		dict, ok := plain(v, nil).(map[string]any)
		if !ok {
			r.fault("argument %s: element %d is %s: use a dict, or an object of kubernetes.client.models", name, i, task.PythonText(v))
			continue
		}
		out = append(out, dict)
	}
	return out
}

// texts is a dict of texts, with numbers and the like as Python writes them.
func (r *reader) texts(name string) map[string]any {
	given := r.object(name)
	out := make(map[string]any, len(given))
	for k, v := range given {
		if v != nil {
			out[k] = task.PythonText(v)
		}
	}
	return out
}

func (r *reader) json(what string, v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		r.fault("%s: %w", what, err)
	}
	return raw
}

// environment is env_vars: a dict, or a list of V1EnvVar; and what comes from elsewhere.
func (r *reader) environment() []any {
	var out []any
	if dict, ok := r.a.Args["env_vars"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(dict)) {
			if v := dict[name]; v != nil {
				out = append(out, map[string]any{"name": name, "value": task.PythonText(v)})
			}
		}
	} else {
		out = r.list("env_vars")
	}
	return append(out, r.list("pod_runtime_info_envs")...)
}

// sources is env_from, and configmaps.
func (r *reader) sources() []any {
	out := r.list("env_from")
	for _, name := range get(r, "configmaps", []string(nil)) {
		out = append(out, map[string]any{"configMapRef": map[string]any{"name": name}})
	}
	return out
}

// pullSecrets is image_pull_secrets: objects, names, or one text of names.
func (r *reader) pullSecrets() []any {
	text, ok := r.a.Args["image_pull_secrets"].(string)
	if !ok {
		return r.list("image_pull_secrets")
	}
	var out []any
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, map[string]any{"name": name})
		}
	}
	return out
}
