package settings

import (
	"encoding/json"
	"strings"
)

// sensitiveWords are the words by which Airflow knows that a name's value is secret.
func sensitiveWords() [12]string {
	return [...]string{
		"access_token", "api_key", "apikey", "authorization", "keyfile_dict", "passphrase", "passwd", "password",
		"private_key", "secret", "service_account", "token",
	}
}

// Sensitive says that the value of a variable or field with this name is a secret.
func Sensitive(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, w := range sensitiveWords() {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// sensitiveValues appends the texts in v that stand under sensitive names; all does
// not ask for the name any more.
func sensitiveValues(out []string, v any, all bool) []string {
	switch v := v.(type) {
	case string:
		if all && v != "" {
			out = append(out, v)
			// A secret that is itself a JSON object (a key file) also leaks by its parts.
			var inner any
			if strings.HasPrefix(strings.TrimSpace(v), "{") && json.Unmarshal([]byte(v), &inner) == nil {
				out = sensitiveValues(out, inner, false)
			}
		}
	case []any:
		for _, e := range v {
			out = sensitiveValues(out, e, all)
		}
	case map[string]any:
		for k, e := range v {
			out = sensitiveValues(out, e, all || Sensitive(k))
		}
	}
	return out
}
