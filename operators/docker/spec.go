package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/updraft-dev/updraft/operators/exitcode"
	"github.com/updraft-dev/updraft/task"
)

// When containers are removed.
const (
	removeNever   = "never"
	removeSuccess = "success"
	removeForce   = "force"
)

// The labels of our containers. The first tells which attempt one belongs to.
const (
	labelAttempt = "dev.updraft.attempt"
	labelDAG     = "dev.updraft.dag_id"
	labelRun     = "dev.updraft.run_id"
	labelTask    = "dev.updraft.task_id"
	labelTry     = "dev.updraft.try_number"
)

// spec is what the arguments say.
type spec struct {
	attempt   string // labelAttempt
	name      string
	config    container.Config
	host      container.HostConfig
	remove    string
	forcePull bool
	conn      string // of the registry
	skips     []int
	engine    engineSpec
	// tmpHost is mounted at tmpDir, if it can be; empty is not.
	tmpHost, tmpDir string

	all        bool   // the value is all lines
	file       string // the value is in this file, made by serializer
	serializer string
}

// readSpec reads the arguments that both operators have.
func readSpec(r *reader) *spec {
	id := attemptID(r.a)
	s := &spec{
		attempt: id, name: get(r, "container_name", ""), forcePull: get(r, "force_pull", false),
		conn: get(r, "docker_conn_id", ""), remove: removal(r), engine: readEngine(r),
	}
	if s.name == "" {
		s.name = "updraft-" + id
	}
	var err error
	if s.skips, err = exitcode.Skips(r.a); err != nil {
		r.errs = append(r.errs, err)
	}
	s.readConfig(r)
	s.readHost(r)
	if get(r, "mount_tmp_dir", true) {
		s.tmpHost = filepath.Join(tempDir(get(r, "host_tmp_dir", "")), "updraft-"+id)
		s.tmpDir = get(r, "tmp_dir", "/tmp/airflow")
	}
	return s
}

// attemptID names an attempt for ever; the DAG folder tells installations that share an
// engine apart.
func attemptID(a *task.Attempt) string {
	sum := sha256.Sum256([]byte(a.Dir + "\x00" + a.Key.String()))
	return hex.EncodeToString(sum[:12])
}

func tempDir(given string) string {
	if given != "" {
		return given
	}
	return os.TempDir()
}

// removal is auto_remove; older files have a boolean.
func removal(r *reader) string {
	switch v := r.a.Args["auto_remove"].(type) {
	case nil:
		return removeNever
	case bool:
		if v {
			return removeSuccess
		}
		return removeNever
	case string:
		if v == removeNever || v == removeSuccess || v == removeForce {
			return v
		}
	}
	r.fault("argument auto_remove is %s: use never, success or force", r.text("auto_remove"))
	return removeNever
}

func (s *spec) readConfig(r *reader) {
	c := &s.config
	c.Image, c.User, c.Hostname = get(r, "image", ""), r.text("user"), get(r, "hostname", "")
	c.Entrypoint, c.WorkingDir, c.Tty = r.words("entrypoint"), get(r, "working_dir", ""), get(r, "tty", false)
	c.AttachStdout, c.AttachStderr = true, true
	if c.Image == "" {
		r.fault("argument image is empty: name one")
	}
	env, err := variables(get(r, "env_file", ""))
	if err != nil {
		r.fault("argument env_file: %w", err)
		env = map[string]string{}
	}
	maps.Copy(env, r.dict("environment"))
	maps.Copy(env, r.dict("private_environment"))
	for _, k := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, k+"="+env[k])
	}
	c.Labels = r.labels()
	key := r.a.Key
	c.Labels[labelAttempt], c.Labels[labelDAG], c.Labels[labelRun] = s.attempt, key.DAG, key.Run
	c.Labels[labelTask], c.Labels[labelTry] = key.Task, strconv.Itoa(key.Try)
}

func (s *spec) readHost(r *reader) {
	h := &s.host
	h.Mounts, h.Ulimits, h.DeviceRequests = r.mounts(), r.ulimits(), r.devices()
	h.NetworkMode, h.IpcMode = container.NetworkMode(get(r, "network_mode", "")), container.IpcMode(get(r, "ipc_mode", ""))
	h.ShmSize, h.Memory = r.bytes("shm_size"), r.bytes("mem_limit")
	if h.Memory == 0 {
		h.Memory = r.a.Task.Resources.Memory
	}
	h.CPUShares = int64(math.Round(get(r, "cpus", 1.0) * 1024))
	h.DNS, h.DNSSearch = r.addresses("dns"), get(r, "dns_search", []string(nil))
	h.CapAdd, h.Privileged = get(r, "cap_add", []string(nil)), get(r, "privileged", false)
	hosts := r.dict("extra_hosts")
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		h.ExtraHosts = append(h.ExtraHosts, name+":"+hosts[name])
	}
	h.PortBindings, s.config.ExposedPorts = r.ports()
	if len(h.PortBindings) > 0 && h.NetworkMode == "host" {
		r.fault("port_bindings and the network_mode host exclude each other: remove one of them")
	}
	options := map[string]string{}
	for name, arg := range map[string]string{"max-size": "log_opts_max_size", "max-file": "log_opts_max_file"} {
		if v := r.text(arg); v != "" {
			options[name] = v
		}
	}
	if len(options) > 0 {
		h.LogConfig = container.LogConfig{Type: "json-file", Config: options}
	}
}

// withTmp is the configuration with the temporary folder mounted.
func (s *spec) withTmp() (container.Config, container.HostConfig) {
	c, h := s.config, s.host
	h.Mounts = append(slices.Clone(h.Mounts), mount.Mount{Type: mount.TypeBind, Source: s.tmpHost, Target: s.tmpDir})
	c.Env = append(slices.Clone(c.Env), "AIRFLOW_TMP_DIR="+s.tmpDir)
	return c, h
}

// engineSpec is how the engine is reached.
type engineSpec struct {
	urls          []string
	version       string
	timeout       time.Duration
	ca, cert, key string
}

func readEngine(r *reader) engineSpec {
	e := engineSpec{
		urls: get(r, "docker_url", []string(nil)), version: get(r, "api_version", ""), timeout: get(r, "timeout", time.Minute),
		ca: get(r, "tls_ca_cert", ""), cert: get(r, "tls_client_cert", ""), key: get(r, "tls_client_key", ""),
	}
	if len(e.urls) == 0 {
		if host := environ(r.a, "DOCKER_HOST"); host != "" {
			e.urls = []string{host}
		} else {
			e.urls = []string{"unix:///var/run/docker.sock"}
		}
	}
	if e.version == "auto" {
		e.version = ""
	}
	if !get(r, "tls_verify", true) {
		r.fault("argument tls_verify: an engine whose certificate is not verified is not used: give tls_ca_cert")
	}
	for _, f := range []*string{&e.ca, &e.cert, &e.key} {
		if *f != "" && !filepath.IsAbs(*f) {
			*f = filepath.Join(r.a.Dir, *f)
		}
	}
	return e
}

// environ is a variable of the worker's environment.
func environ(a *task.Attempt, name string) string {
	for _, kv := range a.Environ {
		if len(kv) > len(name) && kv[:len(name)] == name && kv[len(name)] == '=' {
			return kv[len(name)+1:]
		}
	}
	return ""
}

// String names the container for messages.
func (s *spec) String() string {
	return fmt.Sprintf("container %s of image %s", s.name, s.config.Image)
}
