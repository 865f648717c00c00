//go:build !linux

package embedded

import "runtime/debug"

// release gives back the free part of the heap.
func release() { debug.FreeOSMemory() }
