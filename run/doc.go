// Package run holds the words for what happened: runs, task instances, attempts,
// their states, and the changes that lead from one to the next. It decides
// nothing and stores nothing.
package run
