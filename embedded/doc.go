// Package embedded puts an installation together that lives on one machine: SQLite,
// local executor, file logs, a folder of DAG files. It is what the commands of the
// CLI work on. It wires; it decides nothing.
package embedded
