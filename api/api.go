// Package api serves the part of Airflow's REST API (/api/v2) by which runs are triggered
// and looked at. Who may call is decided in front of it.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Backend is the installation that the API is about.
type Backend interface {
	FindDAG(ctx context.Context, id string) (store.Definition, error)
	FindRun(ctx context.Context, id run.ID) (store.RunData, error)
	Trigger(ctx context.Context, t task.Trigger, by string) (run.Run, error)
}

// Config says what the API works with.
type Config struct {
	Backend Backend
	Store   store.Store
	// Health is told of every look at the health; nil is well.
	Health func(context.Context) error
	Log    *slog.Logger
}

// maxBody bounds what a request may say, in bytes.
const maxBody = 1 << 20

// Handler returns the API.
func Handler(c Config) http.Handler {
	a := &api{c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/monitor/health", a.health)
	mux.HandleFunc("GET /api/v2/dags/{dag}", a.dag)
	mux.HandleFunc("GET /api/v2/dags/{dag}/dagRuns", a.runs)
	mux.HandleFunc("POST /api/v2/dags/{dag}/dagRuns", a.trigger)
	mux.HandleFunc("GET /api/v2/dags/{dag}/dagRuns/{run}", a.run)
	mux.HandleFunc("GET /api/v2/dags/{dag}/dagRuns/{run}/taskInstances", a.instances)
	return http.MaxBytesHandler(mux, maxBody)
}

type api struct{ Config }

func (a *api) health(w http.ResponseWriter, r *http.Request) {
	status := "healthy"
	if a.Health != nil {
		if err := a.Health(r.Context()); err != nil {
			a.Log.ErrorContext(r.Context(), "the store does not answer", "error", err)
			status = "unhealthy"
		}
	}
	// As Airflow does, it answers that it is there, whatever the parts are like.
	answer(w, http.StatusOK, map[string]any{"metadatabase": map[string]string{"status": status}})
}

// dagAnswer is a DAG as Airflow's DAGResponse has it, as far as Updraft knows.
type dagAnswer struct {
	ID      string `json:"dag_id"`
	Name    string `json:"dag_display_name"`
	Paused  bool   `json:"is_paused"`
	Stale   bool   `json:"is_stale"`
	File    string `json:"fileloc"`
	Version string `json:"bundle_version"`
}

func (a *api) dag(w http.ResponseWriter, r *http.Request) {
	def, err := a.Backend.FindDAG(r.Context(), r.PathValue("dag"))
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, dagAnswer{ID: def.ID, Name: def.ID, Paused: def.State.Paused, Stale: def.State.Stale, File: def.File, Version: def.Version})
}

// runAnswer is a run as Airflow's DAGRunResponse has it.
type runAnswer struct {
	ID            string          `json:"dag_run_id"`
	DAG           string          `json:"dag_id"`
	LogicalDate   *time.Time      `json:"logical_date"`
	QueuedAt      *time.Time      `json:"queued_at"`
	Start         *time.Time      `json:"start_date"`
	End           *time.Time      `json:"end_date"`
	Duration      *float64        `json:"duration"`
	IntervalStart *time.Time      `json:"data_interval_start"`
	IntervalEnd   *time.Time      `json:"data_interval_end"`
	RunAfter      time.Time       `json:"run_after"`
	Type          run.Type        `json:"run_type"`
	State         run.RunState    `json:"state"`
	TriggeredBy   string          `json:"triggered_by"`
	Conf          json.RawMessage `json:"conf"`
	Note          *string         `json:"note"`
	Version       string          `json:"bundle_version"`
}

func answerOf(r *run.Run) runAnswer {
	out := runAnswer{
		ID: r.Run, DAG: r.DAG, LogicalDate: r.LogicalDate, QueuedAt: moment(r.QueuedAt), Start: moment(r.Start), End: moment(r.End),
		Duration: seconds(r.Start, r.End), IntervalStart: r.IntervalStart, IntervalEnd: r.IntervalEnd, RunAfter: r.RunAfter, Type: r.Type,
		State: r.State, TriggeredBy: r.TriggeredBy, Conf: r.Conf, Version: r.Version,
	}
	if out.Conf == nil {
		out.Conf = json.RawMessage("{}")
	}
	if r.Note != "" {
		out.Note = &r.Note
	}
	return out
}

// moment is a time in JSON, null if there is none yet.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func seconds(start, end time.Time) *float64 {
	if start.IsZero() || end.IsZero() {
		return nil
	}
	d := end.Sub(start).Seconds()
	return &d
}

func (a *api) run(w http.ResponseWriter, r *http.Request) {
	data, err := a.Backend.FindRun(r.Context(), runID(r))
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, answerOf(&data.Run))
}

func runID(r *http.Request) run.ID { return run.ID{DAG: r.PathValue("dag"), Run: r.PathValue("run")} }

// The bounds of limit, as Airflow has them.
const (
	defaultLimit = 50
	maxLimit     = 100
)

func (a *api) runs(w http.ResponseWriter, r *http.Request) {
	limit := defaultLimit
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			detail(w, http.StatusUnprocessableEntity, fmt.Sprintf("limit is %q: use a whole number of at least 1", text))
			return
		}
		limit = min(n, maxLimit)
	}
	list, err := a.Store.ListRuns(r.Context(), store.RunFilter{DAG: r.PathValue("dag")}, store.Page{Limit: limit, Token: r.URL.Query().Get("cursor")})
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	out := make([]runAnswer, len(list.Items))
	for i := range list.Items {
		out[i] = answerOf(&list.Items[i])
	}
	answer(w, http.StatusOK, map[string]any{"dag_runs": out, "next_cursor": list.Next})
}

// triggerBody is Airflow's TriggerDAGRunPostBody.
type triggerBody struct {
	Run         string          `json:"dag_run_id"`
	LogicalDate *time.Time      `json:"logical_date"`
	Conf        json.RawMessage `json:"conf"`
	Note        string          `json:"note"`
}

func (a *api) trigger(w http.ResponseWriter, r *http.Request) {
	var body triggerBody
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		code := http.StatusUnprocessableEntity
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			code = http.StatusRequestEntityTooLarge
		}
		detail(w, code, "the body is no trigger (dag_run_id, logical_date, conf, note): "+err.Error())
		return
	}
	if string(body.Conf) == "null" {
		body.Conf = nil
	}
	created, err := a.Backend.Trigger(r.Context(), task.Trigger{
		DAG: r.PathValue("dag"), Run: body.Run, LogicalDate: body.LogicalDate, Conf: body.Conf, Note: body.Note,
	}, "rest_api")
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, answerOf(&created))
}

// instanceAnswer is a task instance as Airflow's TaskInstanceResponse has it, with what
// Updraft knows of failures.
type instanceAnswer struct {
	Task     string     `json:"task_id"`
	DAG      string     `json:"dag_id"`
	Run      string     `json:"dag_run_id"`
	Map      int        `json:"map_index"`
	State    *string    `json:"state"`
	Try      int        `json:"try_number"`
	MaxTries int        `json:"max_tries"`
	QueuedAt *time.Time `json:"queued_when"`
	Start    *time.Time `json:"start_date"`
	End      *time.Time `json:"end_date"`
	Duration *float64   `json:"duration"`
	Pool     string     `json:"pool"`
	Executor string     `json:"executor"`
	Host     string     `json:"hostname"`
	Cause    run.Cause  `json:"cause,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	ExitCode int        `json:"exit_code,omitempty"`
}

func (a *api) instances(w http.ResponseWriter, r *http.Request) {
	data, err := a.Backend.FindRun(r.Context(), runID(r))
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	out := make([]instanceAnswer, len(data.Instances))
	for n := range data.Instances {
		in := &data.Instances[n]
		out[n] = instanceAnswer{
			Task: in.Task, DAG: data.Run.DAG, Run: data.Run.Run, Map: in.Map, Try: in.Try, MaxTries: in.MaxTries, QueuedAt: moment(in.QueuedAt),
			Start: moment(in.Start), End: moment(in.End), Duration: seconds(in.Start, in.End), Pool: in.Pool, Executor: in.Executor,
			Host: in.Worker, Cause: in.Cause, Reason: in.Reason, ExitCode: in.ExitCode,
		}
		if in.State != run.None {
			s := in.State.String()
			out[n].State = &s
		}
	}
	answer(w, http.StatusOK, map[string]any{"task_instances": out, "total_entries": len(out)})
}

// refuse answers with what an error says, if it is one about the request.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var wrong *task.TriggerError
	switch {
	case errors.Is(err, store.ErrNotFound):
		detail(w, http.StatusNotFound, err.Error())
	case errors.Is(err, task.ErrRunExists):
		detail(w, http.StatusConflict, err.Error())
	case errors.As(err, &wrong), errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrBadToken):
		detail(w, http.StatusBadRequest, err.Error())
	default:
		a.Log.ErrorContext(r.Context(), "answering a request", "path", r.URL.Path, "error", err)
		detail(w, http.StatusInternalServerError, "the store did not answer: see the log")
	}
}

func detail(w http.ResponseWriter, code int, text string) {
	answer(w, code, map[string]string{"detail": text})
}

// answer writes JSON. An answer that cannot be written has nobody to be told.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the reader is gone
}
