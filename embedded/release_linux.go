package embedded

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// release gives back what starting took and running does not need: the free part of the
// heap, and those pages of the program's file that are only read. The kernel keeps them as
// long as it has room, and what is used again is there again without reading the disk.
func release() {
	debug.FreeOSMemory()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return // there is no /proc
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range bytes.Lines(maps) {
		// 00400000-0155a000 r-xp 00000000 fe:00 131088    /usr/local/bin/updraft
		f := bytes.Fields(line)
		if len(f) < 6 || string(f[5]) != self || bytes.IndexByte(f[1], 'w') >= 0 {
			continue
		}
		var from, to uintptr
		if _, err := fmt.Sscanf(string(f[0]), "%x-%x", &from, &to); err != nil {
			return
		}
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED) // or all stays as it is
	}
}
