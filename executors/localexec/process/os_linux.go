package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rssUnit is the unit of Rusage.Maxrss in bytes.
const rssUnit = 1024

// sysProcAttr: a process group of its own, and death with the shepherd.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// emptied makes a file empty, if nobody else has it open: what a process has started and let
// go of may still write to it.
func emptied(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	// The kernel grants the lease of a writer to who is alone.
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return false
	}
	if st, err := f.Stat(); err != nil || st.Size() > 0 && f.Truncate(0) != nil {
		return false
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return err == nil
}

// memoryInterval is how often the memory of a bounded process group is measured.
const memoryInterval = 20 * time.Millisecond

// watchMemory kills the process group when it uses more memory than it may.
func (c *child) watchMemory(stop <-chan struct{}) {
	if c.req.Memory <= 0 {
		return
	}
	t := time.NewTicker(memoryInterval)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		rss := groupRSS(c.pid)
		c.maxRSS = max(c.maxRSS, rss)
		if rss > c.req.Memory {
			c.oom = true
			signalGroup(c.pid, syscall.SIGKILL)
			return
		}
	}
}

// groupRSS is the resident memory of all processes of a group, in bytes.
func groupRSS(pgid int) int64 {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	page := int64(os.Getpagesize())
	var sum int64
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// pid (comm) state ppid pgrp ...; comm may contain anything.
		_, rest, ok := strings.Cut(string(b[max(bytes.LastIndexByte(b, ')'), 0):]), ") ")
		f := strings.Fields(rest)
		if !ok || len(f) < 22 {
			continue
		}
		if g, err := strconv.Atoi(f[2]); err != nil || g != pgid {
			continue
		}
		if n, err := strconv.ParseInt(f[21], 10, 64); err == nil {
			sum += n * page
		}
	}
	return sum
}
