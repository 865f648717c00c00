package task

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// dir is the folder of the DAG's file.
func (x *execution) dir() string {
	folder, file := x.r.cfg.Folder, x.a.DAG.File
	switch {
	case filepath.IsAbs(file): // not in the folder of DAG files
		return filepath.Dir(file)
	case file == "" || folder == "":
		return folder
	}
	return filepath.Dir(filepath.Join(folder, file))
}

// header writes the lines by which people recognise an attempt's log.
func (x *execution) header() {
	x.log.hold()
	i, t := &x.w.Instance, x.a.Task
	verb := "Starting"
	if x.w.Resume {
		verb = "Resuming"
	}
	x.say(slog.LevelInfo, "%s attempt %d of %d: dag_id=%s task_id=%s run_id=%s map_index=%d on %s", verb, i.Try, max(i.MaxTries+1, i.Try), x.a.DAG.ID, t.ID, x.w.Run.Run, i.Map, x.worker())
	date := ""
	if x.w.Run.LogicalDate != nil {
		date = " on " + isoTime(*x.w.Run.LogicalDate)
	}
	x.say(slog.LevelInfo, "Executing <Task(%s): %s>%s", shortClass(t.Operator), t.ID, date)
	if env := x.a.Env(); len(env) > 0 {
		x.say(slog.LevelInfo, "Exporting env vars: %s", quoteEnv(env))
	}
	x.log.release()
	x.log.forget()
}

// say writes a line to the attempt's log.
func (x *execution) say(level slog.Level, format string, args ...any) {
	x.log.record(slog.NewRecord(x.r.cfg.Now(), level, fmt.Sprintf(format, args...), 0), nil, "")
}

func (x *execution) worker() string {
	host, worker := x.r.cfg.Hostname, x.r.cfg.Worker
	switch {
	case host == "" && worker == "":
		return "this worker"
	case host == "" || worker == "":
		return host + worker
	default:
		return host + " (worker " + worker + ")"
	}
}

func shortClass(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// quoteEnv writes Airflow's variables as its log does.
func quoteEnv(env []string) string {
	var b strings.Builder
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(k, "AIRFLOW_CTX_") {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(k + "='" + strings.ReplaceAll(v, "'", `'"'"'`) + "'")
	}
	return b.String()
}

// finish logs the end, and calls what the author wants called then.
func (x *execution) finish(ctx context.Context, rep *run.Report, err error, quiet bool) {
	retry := scheduler.WillRetry(&x.w.Instance, rep)
	state := stateOf(rep, retry)
	if !quiet || rep.Outcome != run.OutcomeSuccess {
		x.footer(rep, err, state)
	}
	calls, event := x.callbacksFor(rep, retry)
	mail := x.mailWanted(rep, retry)
	if len(calls) == 0 && !mail {
		return
	}
	ctx, cancel := x.after(ctx)
	defer cancel()
	if len(calls) > 0 {
		x.callbacks(ctx, event, calls, &End{Report: rep, State: state, Err: err})
	}
	if mail {
		x.mail(ctx, rep, retry)
	}
}

// stateOf is the state that the attempt's end most likely leads to; the scheduler decides.
func stateOf(rep *run.Report, retry bool) run.State {
	switch rep.Outcome {
	case run.OutcomeSuccess:
		return run.Success
	case run.OutcomeSkipped:
		return run.Skipped
	case run.OutcomeReschedule:
		return run.UpForReschedule
	case run.OutcomeDeferred:
		return run.Deferred
	}
	if retry {
		return run.UpForRetry
	}
	return run.Failed
}

func (x *execution) footer(rep *run.Report, err error, state run.State) {
	switch rep.Outcome {
	case run.OutcomeFailed, run.OutcomeFatal:
		x.say(slog.LevelError, "Task failed: %s (cause: %s)", rep.Reason, rep.Cause)
		if full := err; full != nil && oneSentence(full.Error()) != rep.Reason && rep.Cause != run.CauseTimeout {
			x.say(slog.LevelError, "In full: %s", full)
		}
	case run.OutcomeSkipped:
		x.say(slog.LevelInfo, "Skipped: %s", rep.Reason)
	case run.OutcomeReschedule:
		x.say(slog.LevelInfo, "Rescheduled: the slot is given back until %s", isoTime(rep.Due))
	}
	i := &x.w.Instance
	var took string
	if !i.Start.IsZero() {
		took = fmt.Sprintf(" after %.3f s", rep.At.Sub(i.Start).Seconds())
	}
	x.say(slog.LevelInfo, "Marking task as %s%s. dag_id=%s, task_id=%s, run_id=%s, map_index=%d, try_number=%d",
		strings.ToUpper(state.String()), took, x.a.DAG.ID, i.Task, x.w.Run.Run, i.Map, i.Try)
}

// after is a context for what happens after the operator's end, whatever ended it.
func (x *execution) after(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), x.r.cfg.CallbackTimeout)
}
