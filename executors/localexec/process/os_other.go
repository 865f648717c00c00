//go:build unix && !linux

package process

import "syscall"

// rssUnit is the unit of Rusage.Maxrss in bytes.
const rssUnit = 1

// sysProcAttr: a process group of its own. Death with the shepherd is Linux's.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// emptied makes a file empty if nobody else has it open, which only Linux tells.
func emptied(string) bool { return false }

// watchMemory: memory bounds of local processes are enforced on Linux only.
func (c *child) watchMemory(<-chan struct{}) {}
