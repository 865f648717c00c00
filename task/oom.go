package task

import (
	"bytes"
	"os"
	"strconv"
)

// OOMKills is how many processes the kernel has killed for want of memory since boot: a
// SIGKILL that nobody here sent is its doing if the number has grown meanwhile. It is 0
// where the system does not tell.
func OOMKills() int {
	b, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(b, []byte("\noom_kill "))
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
