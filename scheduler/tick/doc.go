// Package tick turns decisions into deeds: it loads a snapshot, lets package
// scheduler plan, commits the changes, and dispatches what was queued, in this order.
// Whatever is committed and not dispatched when a process dies is found by the next
// one. It decides nothing itself.
package tick
