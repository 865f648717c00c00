// Package weather is a small weather service whose answers look like a real one's and
// are always the same: for trying Updraft, and for its tests, without a network.
package weather

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

//go:embed forecasts.json
var forecastsJSON []byte

// forecast is an answer; only its city matters here.
type forecast struct {
	city string
	body json.RawMessage
}

// Handler answers GET /health, and GET /v1/forecast?city=NAME with the current weather
// and that of the next hours. An error means that forecasts.json is damaged.
func Handler() (http.Handler, error) {
	forecasts, err := read()
	if err != nil {
		return nil, fmt.Errorf("read forecasts.json: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /v1/forecast", func(w http.ResponseWriter, r *http.Request) {
		city := r.URL.Query().Get("city")
		if city == "" {
			answer(w, http.StatusBadRequest, map[string]string{"error": "the parameter city is missing"})
			return
		}
		i := slices.IndexFunc(forecasts, func(f forecast) bool { return strings.EqualFold(f.city, city) })
		if i < 0 {
			answer(w, http.StatusNotFound, map[string]string{"error": fmt.Sprintf("no forecast for %s, but for %s", city, names(forecasts))})
			return
		}
		answer(w, http.StatusOK, forecasts[i].body)
	})
	return mux, nil
}

func read() ([]forecast, error) {
	var bodies []json.RawMessage
	if err := json.Unmarshal(forecastsJSON, &bodies); err != nil {
		return nil, err
	}
	out := make([]forecast, len(bodies))
	for i, b := range bodies {
		var head struct{ City string }
		if err := json.Unmarshal(b, &head); err != nil {
			return nil, err
		}
		out[i] = forecast{head.City, b}
	}
	return out, nil
}

func names(forecasts []forecast) string {
	out := make([]string, len(forecasts))
	for i, f := range forecasts {
		out[i] = f.city
	}
	return strings.Join(out, ", ")
}

// answer writes JSON. An answer that cannot be written has nobody to be told.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client is gone
}
