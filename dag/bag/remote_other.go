//go:build !linux

package bag

// remote says that a folder is on a file system that others may change without the
// kernel's knowledge; here, the system is believed to know.
func remote(string) bool { return false }
