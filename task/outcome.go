package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
)

// maxReason and maxLabel bound what is kept of a failure's sentence and of a rendered
// map_index_template, in characters; the latter is Airflow's.
const (
	maxReason = 500
	maxLabel  = 250
)

// settle makes the report of an attempt from what the operator gave.
func (x *execution) settle(ctx context.Context, res Result, err error) run.Report {
	rep := run.Report{Attempt: x.a.Key, Token: x.w.Instance.Token, Branch: res.Branch}
	if x.op != nil && x.a.Task.MapIndexTemplate != "" && x.w.Instance.Map >= 0 {
		rep.Label = x.label(ctx)
	}
	if err == nil {
		if err = x.ended(ctx, x.push(ctx, &rep, res.Value)); err == nil {
			rep.Outcome = run.OutcomeSuccess
			rep.Events = x.updates.events(x.a.Task.Outlets, x.r.cfg.Now(), x.a.Key.Key)
		}
	}
	if err != nil {
		x.fail(&rep, err)
	}
	rep.At = x.r.cfg.Now()
	return rep
}

// fail maps an error to an outcome, with cause, exit code and reason.
func (x *execution) fail(rep *run.Report, err error) {
	rep.Branch, rep.XComs, rep.Length, rep.Unmappable = nil, nil, nil, false
	var skip *SkipError
	var again *RescheduleError
	switch {
	case errors.As(err, &skip):
		rep.Outcome, rep.Reason = run.OutcomeSkipped, x.sentence(skip.Reason)
		return
	case errors.As(err, &again):
		rep.Outcome, rep.Due = run.OutcomeReschedule, again.At
		return
	}
	rep.Outcome, rep.Cause = run.OutcomeFailed, run.CauseTask
	var cause *CauseError
	if errors.As(err, &cause) {
		rep.ExitCode = cause.ExitCode
		if cause.Cause != "" {
			rep.Cause = cause.Cause
		}
	}
	var fatal *FatalError
	if errors.As(err, &fatal) {
		rep.Outcome = run.OutcomeFatal
		if fatal.Cause != "" {
			rep.Cause = fatal.Cause
		}
	}
	var denied *settings.DeniedError
	if errors.As(err, &denied) { // whatever the operator took it for, another try is refused, too
		rep.Outcome, rep.Cause = run.OutcomeFatal, run.CauseConfig
	}
	reason := err.Error()
	var end *endError
	if errors.As(err, &end) {
		reason = x.endReason(rep, end)
	}
	rep.Reason = x.sentence(reason)
	rep.Tail = x.log.lastLines()
}

// endReason says why the operator was stopped.
func (x *execution) endReason(rep *run.Report, e *endError) string {
	rep.Outcome = run.OutcomeFailed
	switch {
	case errors.Is(e.end, ErrTimeout):
		rep.Cause = run.CauseTimeout
		return fmt.Sprintf("execution_timeout of %s exceeded", x.a.Task.ExecutionTimeout)
	case errors.Is(e.end, executors.ErrCancelled):
		rep.Outcome, rep.Cause = run.OutcomeFatal, run.CauseUser
		return "cancelled: the task was cleared or marked while it was running"
	case errors.Is(e.end, ErrClaimLost):
		rep.Cause = run.CauseInfra
		return ErrClaimLost.Error()
	case errors.Is(e.end, executors.ErrClosed):
		rep.Cause = run.CauseInfra
		return "stopped because the worker is shutting down"
	default:
		rep.Cause = run.CauseInfra
		return fmt.Sprintf("stopped by the worker (%v)", e.end)
	}
}

// sentence makes one masked line of a message.
func (x *execution) sentence(s string) string { return oneSentence(x.log.mask(s)) }

func oneSentence(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if utf8.RuneCountInString(s) > maxReason {
		s = string([]rune(s)[:maxReason-1]) + "…"
	}
	return s
}

// push adds the return value to the report, and what those mapped over it must know.
func (x *execution) push(ctx context.Context, rep *run.Report, value any) error {
	t := x.a.Task
	if t.MultipleOutputs && value != nil {
		if err := x.pushEach(ctx, rep, value); err != nil {
			return err
		}
	}
	if raw, ok := value.(json.RawMessage); ok && isNull(raw) || !t.DoXComPush {
		value = nil
	}
	mapped, isMapped := x.hasMappedDownstream()
	if value == nil {
		if isMapped && !x.w.Graph.Mapped[x.index] {
			return fmt.Errorf("task %q is mapped over the output of this task, which returned nothing: return a list or a dict", mapped)
		}
		return nil
	}
	raw, err := EncodeXCom(value)
	if err != nil {
		return fmt.Errorf("the return value cannot be stored: %w", err)
	}
	if isMapped {
		if err := x.measure(rep, raw, mapped); err != nil {
			return err
		}
	}
	return x.add(ctx, rep, dag.ReturnValue, raw)
}

// measure says how many elements the return value has for the task mapped over it.
func (x *execution) measure(rep *run.Report, raw json.RawMessage, mapped string) error {
	list, dict, ok := elements(raw)
	n := len(list) + len(dict)
	if x.w.Graph.Mapped[x.index] { // then the instances are the elements, whatever they are
		if rep.Unmappable = !ok; ok {
			rep.Length = &n
		}
		return nil
	}
	if !ok {
		return fmt.Errorf("task %q is mapped over the output of this task, which is %s: return a list or a dict", mapped, describeRaw(raw))
	}
	if n > x.r.cfg.MaxMapLength {
		return fmt.Errorf("task %q is mapped over the output of this task, which has %d elements: max_map_length allows %d", mapped, n, x.r.cfg.MaxMapLength)
	}
	rep.Length = &n
	return nil
}

// pushEach pushes the entries of a dict under their keys, for multiple_outputs.
func (x *execution) pushEach(ctx context.Context, rep *run.Report, value any) error {
	raw, err := EncodeXCom(value)
	if err != nil {
		return fmt.Errorf("the return value cannot be stored: %w", err)
	}
	if isNull(raw) {
		return nil
	}
	_, dict, ok := elements(raw)
	if !ok || dict == nil && string(raw) != "{}" {
		return fmt.Errorf("multiple_outputs needs a dict, and the return value is %s", describeRaw(raw))
	}
	for _, p := range dict {
		if err := x.add(ctx, rep, p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

func (x *execution) add(ctx context.Context, rep *run.Report, name string, raw json.RawMessage) error {
	xc, err := x.newXCom(ctx, name, raw)
	if err != nil {
		return err
	}
	rep.XComs = append(rep.XComs, xc)
	return nil
}

// label renders map_index_template; what is wrong with it is no reason to fail.
func (x *execution) label(ctx context.Context) string {
	ctx, cancel := x.after(ctx)
	defer cancel()
	v, err := x.Render(ctx, x.a.Task.MapIndexTemplate)
	if err != nil {
		x.a.Log.WarnContext(ctx, "map_index_template does not render: "+err.Error())
		return ""
	}
	s, ok := v.(string)
	if !ok {
		s = fmt.Sprint(v)
	}
	if r := []rune(s); len(r) > maxLabel {
		s = string(r[:maxLabel])
	}
	return x.log.mask(s)
}
