// Package conformance replays recorded answers of a real Apache Airflow against the
// entry points that production uses, and says where they differ.
package conformance
