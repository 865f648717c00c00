// Package settings holds variables, connections and pools: what they are, how
// Airflow writes them (URIs, JSON, environment), where they are looked for, and how
// they are sealed at rest.
package settings

import "encoding/json"

// Connection is an Airflow connection.
type Connection struct {
	ID          string `json:"conn_id"`
	Type        string `json:"conn_type"`
	Description string `json:"description,omitempty"`
	Host        string `json:"host,omitempty"`
	Login       string `json:"login,omitempty"`
	Password    string `json:"password,omitempty"`
	Schema      string `json:"schema,omitempty"`
	// Port is 0 when there is none.
	Port int `json:"port,omitempty"`
	// Extra is a JSON object or any text; nil when there is none.
	Extra json.RawMessage `json:"extra,omitempty"`
}
