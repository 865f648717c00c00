package docker

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, want, fault string
	}{
		{text: ""},
		{text: "  a  b\tc\n", want: "a|b|c"},
		{text: `echo "a b" 'c d'e ""`, want: "echo|a b|c de|"},
		{text: `a\ b "c\"d\n" 'e\f'`, want: `a b|c"d\n|e\f`},
		{text: `sh -c 'echo "x"'`, want: `sh|-c|echo "x"`},
		{text: `a#b # c`, want: "a#b|#|c"},
		{text: `a "b`, fault: "a quote is not closed"},
		{text: `["a", 'b\n', "c\"",]`, want: "a|b\n|c\""},
		{text: ` [ ] `},
		{text: `[a]`, fault: "it begins with ["}, {text: `["a" "b"]`, fault: "it begins with ["},
		{text: `["a"`, fault: "it begins with ["}, {text: `["a"] b`, fault: "it begins with ["}, {text: `["a`, fault: "it begins with ["},
		{text: `é "ü ö"`, want: "é|ü ö"},
	} {
		got, err := split(tt.text)
		if tt.fault != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tt.fault) {
				t.Errorf("split(%q): error is %v, want %q", tt.text, err, tt.fault)
			}
			continue
		}
		if err != nil || strings.Join(got, "|") != tt.want {
			t.Errorf("split(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{`a "b\"" 'c'`, `["a", 'b\n']`, `\`, `[`, `["\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := split(s)
		if err == nil && len(strings.Join(words, "")) > len(s) {
			t.Errorf("split(%q) has more than there was: %q", s, words)
		}
		_, _ = variables(s)
	})
}

func TestVariables(t *testing.T) {
	t.Parallel()
	got, err := variables("# comment\n\nA=1\nexport B = 'x # y'\nC=\"a\\nb\" # more\nD=x # y\nE=\nF=a=b\r\n")
	want := map[string]string{"A": "1", "B": "x # y", "C": "a\nb", "D": "x", "E": "", "F": "a=b"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"A", "=1", "A='x"} {
		if _, err := variables(text); err == nil {
			t.Errorf("variables(%q) has no error", text)
		}
	}
}

func TestSpec(t *testing.T) {
	t.Parallel()
	h := operatortest.New(t)
	h.Environ = []string{"DOCKER_HOST=tcp://engine:2375"}
	h.Task.Resources.Memory = 1 << 20
	r := reader{a: h.Attempt(map[string]any{
		"image": "i", "auto_remove": true, "cpus": 0.5, "user": int64(1000), "labels": []any{"x"}, "shm_size": "64m",
		"environment": map[string]any{"A": int64(1), "B": nil, "C": 1.0}, "private_environment": map[string]any{"A": "2"},
		"mounts": []any{
			map[string]any{"Target": "/a", "Source": "v", "Type": "volume", "ReadOnly": true},
			map[string]any{"target": "/b", "source": "/host", "type": "bind", "propagation": "rshared"},
			dag.Object{Class: "docker.types.Mount", Args: []any{"/c", "data"}},
			map[string]any{"target": "/d", "type": "tmpfs", "tmpfs_size": "1m"},
		},
		"ulimits": []any{map[string]any{"Name": "nofile", "Soft": int64(1), "Hard": int64(2)}},
		"port_bindings": map[string]any{
			"80": int64(8080), "53/udp": task.Tuple{"127.0.0.1", int64(5353)}, "81": []any{"8081", nil}, "82": []any{"::1", int64(82)},
		},
		"device_requests": []any{map[string]any{"driver": "nvidia", "count": int64(-1), "device_ids": []any{"0"}, "capabilities": []any{[]any{"gpu"}}}},
		"extra_hosts":     map[string]any{"db": "10.0.0.1"}, "dns": []any{"8.8.8.8"}, "log_opts_max_size": "10m", "log_opts_max_file": int64(3),
		"skip_on_exit_code": int64(9),
	})}
	s := readSpec(&r)
	if err := r.err(); err != nil {
		t.Fatal(err)
	}
	port := func(text string) network.Port {
		p, err := network.ParsePort(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	want := container.HostConfig{
		Mounts: []mount.Mount{
			{Type: mount.TypeVolume, Source: "v", Target: "/a", ReadOnly: true},
			{Type: mount.TypeBind, Source: "/host", Target: "/b", BindOptions: &mount.BindOptions{Propagation: "rshared"}},
			{Type: mount.TypeVolume, Source: "data", Target: "/c"},
			{Type: mount.TypeTmpfs, Target: "/d", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 1 << 20}},
		},
		PortBindings: network.PortMap{
			port("80/tcp"): {{HostPort: "8080"}}, port("81/tcp"): {{HostPort: "8081"}, {}}, port("82/tcp"): {{HostIP: netip.MustParseAddr("::1"), HostPort: "82"}},
			port("53/udp"): {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: "5353"}},
		},
		ShmSize: 64 << 20, ExtraHosts: []string{"db:10.0.0.1"}, DNS: []netip.Addr{netip.MustParseAddr("8.8.8.8")},
		LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}},
	}
	want.Memory, want.CPUShares = 1<<20, 512
	want.Ulimits = []*container.Ulimit{{Name: "nofile", Soft: 1, Hard: 2}}
	want.DeviceRequests = []container.DeviceRequest{{Driver: "nvidia", Count: -1, DeviceIDs: []string{"0"}, Capabilities: [][]string{{"gpu"}}}}
	if diff := cmp.Diff(want, s.host, cmpopts.EquateComparable(netip.Addr{}, network.Port{})); diff != "" {
		t.Errorf("host (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A=2", "C=1.0"}, s.config.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if s.config.User != "1000" || s.remove != removeSuccess || s.engine.urls[0] != "tcp://engine:2375" || s.tmpDir != "/tmp/airflow" {
		t.Errorf("the rest is %+v, %s, %v, %s", s.config, s.remove, s.engine.urls, s.tmpDir)
	}
	if s.config.Labels["x"] != "" || s.config.Labels[labelAttempt] != s.attempt || s.config.Labels[labelDAG] != "d" {
		t.Errorf("labels are %v", s.config.Labels)
	}
}

// The name follows from the attempt: the same for one, another for each try.
func TestName(t *testing.T) {
	t.Parallel()
	h := operatortest.New(t)
	first, again := attemptID(h.Attempt(nil)), attemptID(h.Attempt(nil))
	h.Instance.Try++
	if next := attemptID(h.Attempt(nil)); first != again || first == next {
		t.Errorf("the ids are %s, %s and, for the next try, %s", first, again, next)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"auto_remove": "always", "mem_limit": "much", "mounts": []any{"/a:/b"}, "ulimits": []any{map[string]any{"soft": int64(1)}},
		"port_bindings": map[string]any{"x": int64(1)}, "dns": []any{"here"}, "env_file": "x", "entrypoint": "'", "labels": int64(1),
		"tls_verify": false, "image": "", "cpus": "x", "environment": map[string]any{"A=B": "1"},
	} {
		a := map[string]any{"image": "i", name: v}
		r := reader{a: operatortest.New(t).Attempt(a)}
		readSpec(&r)
		if err := r.err(); err == nil || !strings.Contains(err.Error(), "argument "+name) {
			t.Errorf("%s = %v gives %v", name, v, err)
		} else if out := operatortest.Outcome(err); !strings.HasPrefix(out, "fatal (config)") {
			t.Errorf("%s = %v is %q", name, v, out)
		}
	}
}

// An engine that is not there is told with what to do about it.
func TestNoEngine(t *testing.T) {
	t.Parallel()
	h := operatortest.New(t)
	op := operatortest.Find(t, Operators(), "airflow.providers.docker.operators.docker.DockerOperator")
	_, err := h.Run(t.Context(), op, map[string]any{
		"image": "i", "docker_url": []any{"unix://" + h.Dir + "/none", "http://127.0.0.1:1"}, "mount_tmp_dir": false,
	})
	var c *task.CauseError
	if !errors.As(err, &c) || c.Cause != run.CauseConfig || !strings.Contains(err.Error(), "no Docker engine answers") || !strings.Contains(err.Error(), "set docker_url or DOCKER_HOST") {
		t.Errorf("error is %v", err)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"unix://var/run/docker.sock": "unix:///var/run/docker.sock", "unix:///x": "unix:///x",
		"https://h:1": "tcp://h:1", "http://h:1": "tcp://h:1", "tcp://h:1": "tcp://h:1",
	} {
		if got := address(url); got != want {
			t.Errorf("address(%q) = %q, want %q", url, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		chunks []string
		last   string
		all    []any
		log    string
	}{
		{chunks: nil},
		{chunks: []string{"a\nb"}, last: "b", all: []any{"a", "b"}, log: "a\nb\n"},
		{chunks: []string{"a", "b\r\n", "c\xff \n\n"}, last: "", all: []any{"ab", "c\uFFFD", ""}, log: "ab\r\nc\xff \n\n"},
	} {
		for _, all := range []bool{false, true} {
			var log strings.Builder
			l := &lines{to: &log, all: all}
			for _, c := range tt.chunks {
				if _, err := l.Write([]byte(c)); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.flush(); err != nil {
				t.Fatal(err)
			}
			if l.last != tt.last || l.any != (tt.chunks != nil) || log.String() != tt.log {
				t.Errorf("%q: last line %q, any %v, log %q", tt.chunks, l.last, l.any, log.String())
			}
			if diff := cmp.Diff(tt.all, l.kept); all && diff != "" {
				t.Errorf("%q: lines (-want +got):\n%s", tt.chunks, diff)
			}
		}
	}
	long := &lines{to: &strings.Builder{}}
	for range 2 {
		if _, err := long.Write(make([]byte, MaxOutput)); err != nil {
			t.Fatal(err)
		}
	}
	if !long.over {
		t.Error("a line that is too long is kept")
	}
	if _, err := long.Write([]byte("\nshort\n")); err != nil || long.over || long.last != "short" {
		t.Errorf("after a long line: over %v, last %q", long.over, long.last)
	}
}
