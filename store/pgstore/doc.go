// Package pgstore keeps everything durable in a schema of PostgreSQL: the store of those who
// have a server of it, or a cluster. Any number of processes on any machines may use it.
//
// Each call is one statement, or a few that are sent together: one round trip, and for
// what writes one commit. Commits of concurrent callers share the server's fsync.
package pgstore
