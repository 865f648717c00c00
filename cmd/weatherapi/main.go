// Command weatherapi is a small weather service for trying Updraft without a network:
// it serves recorded-looking answers on a free local port, runs the command given
// after --, with the service's address in AIRFLOW_CONN_WEATHER_API, and stops when the
// command ends, with its exit code. Without a command it serves until it is
// interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := serve(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "weatherapi:", err)
		code = 1
	}
	os.Exit(code)
}

func serve(ctx context.Context, args []string) (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	srv := &http.Server{Handler: handler(), ReadHeaderTimeout: 5 * time.Second}
	go srv.Serve(ln) //nolint:errcheck // it ends with Close
	defer srv.Close()
	address := "http://" + ln.Addr().String()
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Printf("serving the weather on %s\nexport AIRFLOW_CONN_WEATHER_API=%s\n", address, address)
		<-ctx.Done()
		return 0, nil
	}
	// The command hears of Ctrl-C itself, being in our process group.
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec // running the user's command is the point
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "AIRFLOW_CONN_WEATHER_API="+address)
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// handler answers like a weather service: GET /health, and GET /v1/forecast with
// current and hourly values.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"status": "ok"}`)
	})
	mux.HandleFunc("GET /v1/forecast", func(w http.ResponseWriter, r *http.Request) {
		city := r.URL.Query().Get("city")
		if city == "" {
			http.Error(w, `{"error": "the parameter city is missing"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		err := json.NewEncoder(w).Encode(map[string]any{
			"city": city, "latitude": 47.37, "longitude": 8.54,
			"current": map[string]any{"time": "2026-01-15T12:00", "temperature_c": 3.4, "humidity": 81, "wind_kmh": 12.7, "condition": "light rain"},
			"hourly": map[string]any{
				"time":          []string{"2026-01-15T13:00", "2026-01-15T14:00", "2026-01-15T15:00", "2026-01-15T16:00"},
				"temperature_c": []float64{3.9, 4.1, 3.6, 2.8},
			},
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}
