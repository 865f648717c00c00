// Package settings holds variables, connections and pools: what they are, how
// Airflow writes them (URIs, JSON, files, environment), where they are looked for,
// and how they are sealed at rest. What tasks do with them is not its matter.
package settings
