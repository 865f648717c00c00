package task

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
)

// Logs opens the logs of attempts.
type Logs interface {
	// Open opens an attempt's log for appending. What is written is kept even if the
	// worker dies before Close.
	Open(ctx context.Context, a run.Attempt) (Log, error)
}

// Log is one attempt's log. It may be used concurrently.
type Log = logs.Log

// tailSize bounds the end of a failed attempt's log that is kept with its result.
const tailSize = 4 << 10

// attemptLog is an attempt's log, opened when something is first written to it. It
// keeps the end of what was written.
type attemptLog struct {
	ctx  context.Context // of the attempt, without its cancellation: logs outlive it
	logs Logs
	key  run.Attempt
	now  func() time.Time

	mu      sync.Mutex
	out     Log
	err     error
	secrets []string
	masker  logs.Masker
	tail    []byte
	line    []byte
	// partial says that the last thing written did not end its line.
	partial bool
	// held is what waits for release while holding.
	holding bool
	held    []byte
}

func (l *attemptLog) open() {
	if l.out != nil || l.err != nil || l.logs == nil {
		return
	}
	if l.out, l.err = l.logs.Open(l.ctx, l.key); l.err == nil && len(l.secrets) > 0 {
		l.out.Redact(l.secrets...)
	}
}

// Write takes what a process writes. It never fails: a task must not die of its log.
func (l *attemptLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(p)
	return len(p), nil
}

// hold collects what is written until release, which writes it at once: a header of
// several lines costs one call of the system.
func (l *attemptLog) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = true
}

func (l *attemptLog) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = false
	l.write(l.held)
	l.held = nil
}

func (l *attemptLog) write(p []byte) {
	if len(p) == 0 {
		return
	}
	if l.holding {
		l.held = append(l.held, p...)
		return
	}
	l.open()
	if l.out != nil {
		if _, err := l.out.Write(p); err != nil && l.err == nil {
			l.err = err
		}
	}
	l.partial = p[len(p)-1] != '\n'
	if len(p) >= tailSize {
		l.tail = append(l.tail[:0], p[len(p)-tailSize:]...)
		return
	}
	l.tail = append(l.tail, p...)
	if len(l.tail) > 4*tailSize {
		l.tail = append(l.tail[:0], l.tail[len(l.tail)-tailSize:]...)
	}
}

// forget drops what was kept of the end: the header tells nobody why a task failed.
func (l *attemptLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = l.tail[:0]
}

// Redact masks texts in what is written from now on, and in the tail.
func (l *attemptLog) Redact(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, secrets...)
	l.masker.Add(secrets...)
	if l.out != nil {
		l.out.Redact(secrets...)
	}
}

// mask masks the secrets known so far.
func (l *attemptLog) mask(s string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.masker.String(s)
}

// lastLines is the end of the log, whole lines where possible, at most tailSize.
func (l *attemptLog) lastLines() string {
	l.mu.Lock()
	tail := string(l.tail)
	l.mu.Unlock()
	tail = strings.ToValidUTF8(l.mask(tail), "\uFFFD")
	if len(tail) > tailSize {
		tail = tail[len(tail)-tailSize:]
		if i := strings.IndexByte(tail, '\n'); i >= 0 && i+1 < len(tail) {
			tail = tail[i+1:]
		}
	}
	return strings.ToValidUTF8(strings.TrimRight(tail, "\n"), "")
}

// Close closes the log if it was ever opened, and says what went wrong with it.
func (l *attemptLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out != nil {
		if err := l.out.Close(); err != nil && l.err == nil {
			l.err = err
		}
		l.out = nil
	}
	return l.err
}

// Enabled implements slog.Handler.
func (l *attemptLog) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle implements slog.Handler: "[time] LEVEL - message key=value".
func (l *attemptLog) Handle(_ context.Context, r slog.Record) error {
	l.record(r, nil, "")
	return nil
}

// WithAttrs implements slog.Handler.
func (l *attemptLog) WithAttrs(attrs []slog.Attr) slog.Handler { return &attrLog{l: l, attrs: attrs} }

// WithGroup implements slog.Handler.
func (l *attemptLog) WithGroup(name string) slog.Handler { return &attrLog{l: l, prefix: name + "."} }

func (l *attemptLog) record(r slog.Record, attrs []slog.Attr, prefix string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.line[:0]
	if l.partial {
		b = append(b, '\n')
	}
	b = append(b, '[')
	b = l.now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000-07:00")
	b = append(b, "] "...)
	b = append(b, levelName(r.Level)...)
	b = append(b, " - "...)
	b = append(b, r.Message...)
	for _, a := range attrs {
		b = appendAttr(b, "", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, prefix, a)
		return true
	})
	b = append(b, '\n')
	l.line = b
	l.write(b)
}

// levelName is Python's name of a level.
func levelName(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "ERROR"
	case level >= slog.LevelWarn:
		return "WARNING"
	case level >= slog.LevelInfo:
		return "INFO"
	default:
		return "DEBUG"
	}
}

func appendAttr(b []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, e := range v.Group() {
			b = appendAttr(b, prefix, e)
		}
		return b
	}
	if a.Key == "" {
		return b
	}
	b = append(append(append(append(b, ' '), prefix...), a.Key...), '=')
	s := v.String()
	if s == "" || strings.ContainsAny(s, " \t\r\n\"=") {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}

// attrLog is an attemptLog with attributes of its own.
type attrLog struct {
	l      *attemptLog
	attrs  []slog.Attr
	prefix string
}

// Enabled implements slog.Handler.
func (h *attrLog) Enabled(ctx context.Context, level slog.Level) bool { return h.l.Enabled(ctx, level) }

// Handle implements slog.Handler.
func (h *attrLog) Handle(_ context.Context, r slog.Record) error {
	h.l.record(r, h.attrs, h.prefix)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *attrLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := append([]slog.Attr{}, h.attrs...)
	for _, a := range attrs {
		a.Key = h.prefix + a.Key
		all = append(all, a)
	}
	return &attrLog{l: h.l, attrs: all, prefix: h.prefix}
}

// WithGroup implements slog.Handler.
func (h *attrLog) WithGroup(name string) slog.Handler {
	return &attrLog{l: h.l, attrs: h.attrs, prefix: h.prefix + name + "."}
}
