// Package sqlitestore keeps everything durable in one SQLite file: the store of the
// embedded engine. Any number of processes may open the same file.
//
// Writes of concurrent callers that arrive while a commit is under way share the next
// one, so that a busy engine pays for one fsync per many changes and an idle one for
// one per call.
package sqlitestore
