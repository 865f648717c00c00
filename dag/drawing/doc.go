// Package drawing draws the graph of a DAG: as text for a terminal, and as SVG, DOT and
// Mermaid. It decides what a picture looks like; what it is shown on is the caller's.
package drawing
