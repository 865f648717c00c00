package weather

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	h, err := Handler()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, method, target string
		code                 int
		want                 string
	}{
		{"health", http.MethodGet, "/health", http.StatusOK, `{"status":"ok"}`},
		{"a city", http.MethodGet, "/v1/forecast?city=Zurich", http.StatusOK, `"temperature_c":3.4`},
		{"in any case of letters", http.MethodGet, "/v1/forecast?city=nairobi", http.StatusOK, `"city":"Nairobi"`},
		{"no city", http.MethodGet, "/v1/forecast", http.StatusBadRequest, `the parameter city is missing`},
		{"another city", http.MethodGet, "/v1/forecast?city=Atlantis", http.StatusNotFound, `no forecast for Atlantis, but for Zurich, Bern, Lisbon`},
		{"another path", http.MethodGet, "/v2", http.StatusNotFound, `not found`},
		{"another method", http.MethodPost, "/health", http.StatusMethodNotAllowed, `Method Not Allowed`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, nil))
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, tt.code, tt.want)
			}
		})
	}
}

// TestForecasts: every forecast has what the sample pipeline reads.
func TestForecasts(t *testing.T) {
	t.Parallel()
	all, err := read()
	if err != nil || len(all) == 0 {
		t.Fatalf("%d forecasts, %v", len(all), err)
	}
	for _, f := range all {
		var v struct {
			Current struct {
				Time        string  `json:"time"`
				Temperature float64 `json:"temperature_c"`
			} `json:"current"`
			Hourly struct {
				Time        []string  `json:"time"`
				Temperature []float64 `json:"temperature_c"`
			} `json:"hourly"`
		}
		if err := json.Unmarshal(f.body, &v); err != nil {
			t.Errorf("%s: %v", f.city, err)
		}
		if v.Current.Time == "" || v.Current.Temperature == 0 || len(v.Hourly.Time) == 0 || len(v.Hourly.Time) != len(v.Hourly.Temperature) {
			t.Errorf("%s: %+v is not complete", f.city, v)
		}
	}
}
