// Package doctest checks the documents that people write: that what they show is so.
// Links resolve, DAG files load, commands exist, and recorded examples are as recorded.
// It has no code of its own beside its tests.
package doctest
