package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

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

// words is a command: a list, or a text that is split, or one that is a list in Python.
func (r *reader) words(name string) []string {
	text, ok := r.a.Args[name].(string)
	if !ok {
		return get(r, name, []string(nil))
	}
	out, err := split(text)
	if err != nil {
		r.fault("argument %s: %w", name, err)
	}
	return out
}

// bytes is a size: a number, or a text such as 512m.
func (r *reader) bytes(name string) int64 {
	switch v := r.a.Args[name].(type) {
	case nil:
		return 0
	case string:
		n, err := units.RAMInBytes(v)
		if err != nil {
			r.fault("argument %s: %q is no size: write bytes, or such as 512m", name, v)
		}
		return n
	default:
		return int64(get(r, name, 0.0))
	}
}

// text is an argument that may be a number.
func (r *reader) text(name string) string {
	if v := r.a.Args[name]; v != nil {
		return task.PythonText(v)
	}
	return ""
}

// dict is a dict of texts, with numbers and the like as Python writes them.
func (r *reader) dict(name string) map[string]string {
	out := map[string]string{}
	for k, v := range get(r, name, map[string]any(nil)) {
		if k == "" || strings.ContainsAny(k, "=\x00") {
			r.fault("argument %s: %q cannot be a name", name, k)
		}
		if v != nil {
			out[k] = task.PythonText(v)
		}
	}
	return out
}

// labels are a dict, or a list of names with empty values.
func (r *reader) labels() map[string]string {
	if _, isDict := r.a.Args["labels"].(map[string]any); isDict {
		return r.dict("labels")
	}
	out := map[string]string{}
	for _, name := range get(r, "labels", []string(nil)) {
		out[name] = ""
	}
	return out
}

// objects are the dicts of a list, in the spelling of the API: what Python's docker.types
// make, or their keyword arguments.
func (r *reader) objects(name string, positions []string, nested map[string]string) []map[string]any {
	var out []map[string]any
	for i, v := range get(r, name, []any(nil)) {
		fields, ok := v.(map[string]any)
		if o, isObject := v.(dag.Object); isObject && len(o.Args) <= len(positions) {
			fields, ok = maps.Clone(o.Kwargs), true
			if fields == nil {
				fields = map[string]any{}
			}
			for j, arg := range o.Args {
				fields[positions[j]] = arg
			}
		}
		if !ok {
			r.fault("argument %s: element %d is %s: use a dict with %s", name, i, task.PythonText(v), strings.Join(positions, ", "))
			continue
		}
		out = append(out, spelled(fields, nested))
	}
	return out
}

// spelled puts fields where the API has them: nested says the path of each, a.b; upper
// and lower case are the same to a decoder.
func spelled(fields map[string]any, nested map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range fields {
		if v == nil {
			continue
		}
		path, known := nested[k]
		if !known {
			path = k
		}
		group, field, deep := strings.Cut(path, ".")
		if !deep {
			out[path] = v
			continue
		}
		inner, ok := out[group].(map[string]any)
		if !ok {
			inner = map[string]any{}
			out[group] = inner
		}
		inner[field] = v
	}
	return out
}

// decode fills a structure of the API.
func decode(fields map[string]any, out any) error {
	raw, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

func (r *reader) mounts() []mount.Mount {
	var out []mount.Mount
	for i, fields := range r.objects("mounts", []string{"target", "source", "type", "read_only"}, map[string]string{
		"read_only": "ReadOnly", "propagation": "BindOptions.Propagation", "no_copy": "VolumeOptions.NoCopy",
		"labels": "VolumeOptions.Labels", "driver_config": "VolumeOptions.DriverConfig",
		"tmpfs_size": "TmpfsOptions.SizeBytes", "tmpfs_mode": "TmpfsOptions.Mode",
	}) {
		if tmpfs, ok := fields["TmpfsOptions"].(map[string]any); ok {
			if text, isText := tmpfs["SizeBytes"].(string); isText {
				n, err := units.RAMInBytes(text)
				if err != nil {
					r.fault("argument mounts: element %d: tmpfs_size %q is no size", i, text)
				}
				tmpfs["SizeBytes"] = n
			}
		}
		m := mount.Mount{Type: mount.TypeVolume}
		if err := decode(fields, &m); err != nil || m.Target == "" {
			r.fault("argument mounts: element %d is no mount: give target and source (%v)", i, err)
		}
		out = append(out, m)
	}
	return out
}

func (r *reader) ulimits() []*container.Ulimit {
	var out []*container.Ulimit
	for i, fields := range r.objects("ulimits", []string{"name", "soft", "hard"}, nil) {
		var u container.Ulimit
		if err := decode(fields, &u); err != nil || u.Name == "" {
			r.fault("argument ulimits: element %d is no limit: give name, soft and hard (%v)", i, err)
		}
		out = append(out, &u)
	}
	return out
}

func (r *reader) devices() []container.DeviceRequest {
	var out []container.DeviceRequest
	for i, fields := range r.objects("device_requests", []string{"driver", "count"}, map[string]string{"device_ids": "DeviceIDs"}) {
		var d container.DeviceRequest
		if err := decode(fields, &d); err != nil {
			r.fault("argument device_requests: element %d: %v", i, err)
		}
		out = append(out, d)
	}
	return out
}

// ports are {container port: host port, (address, port), a list of these, or None for any}.
func (r *reader) ports() (network.PortMap, network.PortSet) {
	bindings, exposed := network.PortMap{}, network.PortSet{}
	given := get(r, "port_bindings", map[string]any(nil))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		port, err := network.ParsePort(name)
		if err != nil {
			r.fault("argument port_bindings: %q is no port: write such as 8080 or 53/udp", name)
			continue
		}
		exposed[port] = struct{}{}
		list, ok := given[name].([]any)
		if _, isPair := pairOf(given[name]); isPair || !ok {
			list = []any{given[name]}
		}
		for _, v := range list {
			b, err := binding(v)
			if err != nil {
				r.fault("argument port_bindings: %s: %w", name, err)
			}
			bindings[port] = append(bindings[port], b)
		}
	}
	return bindings, exposed
}

// binding is where one port leads to: a port of the host, or an address with one.
func binding(v any) (b network.PortBinding, err error) {
	if pair, ok := pairOf(v); ok {
		if b.HostIP, err = netip.ParseAddr(task.PythonText(pair[0])); err != nil {
			return b, fmt.Errorf("%s is no address", task.PythonText(pair[0]))
		}
		if v = nil; len(pair) > 1 {
			v = pair[1]
		}
	}
	if v == nil {
		return b, nil // the engine chooses
	}
	b.HostPort = task.PythonText(v)
	if _, err := strconv.ParseUint(b.HostPort, 10, 16); err != nil {
		return b, fmt.Errorf("%s is no port of the host", b.HostPort)
	}
	return b, nil
}

// pairOf is an address with a port, if any: a tuple, which a list may have been in Python.
func pairOf(v any) ([]any, bool) {
	if t, ok := v.(task.Tuple); ok {
		v = []any(t)
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > 2 {
		return nil, false
	}
	text, ok := list[0].(string)
	return list, ok && strings.ContainsAny(text, ".:")
}

func (r *reader) addresses(name string) []netip.Addr {
	var out []netip.Addr
	for _, text := range get(r, name, []string(nil)) {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			r.fault("argument %s: %q is no address", name, text)
		}
		out = append(out, addr)
	}
	return out
}
