package task

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// OOMKills is how many processes the kernel has killed for want of memory: since boot on
// this machine, or in this container if that has a limit of its own. A SIGKILL that nobody
// here sent is its doing if the number has grown meanwhile. It is 0 where the system does
// not tell.
func OOMKills() int {
	for _, group := range [...]struct{ limit, events string }{
		{"memory.max", "memory.events"},                               // cgroup v2
		{"memory/memory.limit_in_bytes", "memory/memory.oom_control"}, // v1
	} {
		if limited(filepath.Join(cgroups, group.limit)) {
			return killsIn(filepath.Join(cgroups, group.events))
		}
	}
	return killsIn("/proc/vmstat")
}

// cgroups is where a container finds its own control group, and a machine that of all.
const cgroups = "/sys/fs/cgroup"

// unlimited is less than what cgroup v1 has for no limit, and more than any machine's memory.
const unlimited = 1 << 60

// limited says that a file has a limit of memory.
func limited(path string) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return err == nil && n < unlimited
}

// killsIn reads the number in a file's line oom_kill.
func killsIn(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(append([]byte("\n"), b...), []byte("\noom_kill "))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.Atoi(string(line))
	if err != nil {
		return 0
	}
	return n
}
