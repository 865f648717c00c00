// Package objects keeps the logs of attempts as objects of a Bucket, which is a contract of
// five methods. It knows no service: drivers such as logs/s3logs are thin buckets.
//
// A log's segments are objects that are named like the files of logs/filelogs, the later
// ones with 20 digits, so that a list has them in their order:
//
//	PREFIX/dag_id=D/run_id=R/task_id=T/attempt=1.log
//	PREFIX/dag_id=D/run_id=R/task_id=T/attempt=1.log.00000000000000524288
//
// The last segment's metadata say that the log is closed; if all text had been written
// before, an empty segment does. Several short logs of a run may be one object, a pack:
//
//	PREFIX/dag_id=D/run_id=R/packed=TIME-RANDOM.HASHES
package objects

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// Config says how logs are kept in a bucket.
type Config struct {
	// Prefix is what all keys begin with, without slashes at its ends; see CheckPrefix.
	Prefix string
	// Logs is handed on. Where its Buffer is zero it is DefaultBuffer, and where its
	// BufferTime is zero, it is DefaultBufferTime.
	Logs logs.Config
}

const (
	// DefaultBuffer is how many bytes of a log are collected, unless DefaultBufferTime is
	// over before.
	DefaultBuffer = 512 << 10
	// DefaultBufferTime is how long text is held back. With it, and with half a second
	// until somebody who follows looks again, text is seen within two seconds.
	DefaultBufferTime = 1500 * time.Millisecond
	// DefaultPackTime is a good logs.Config.PackTime for a worker that runs many short
	// attempts: a worker that is killed loses no text that is older.
	DefaultPackTime = 2 * time.Second
)

// Open returns the logs in a bucket. Several processes may use it at once.
func Open(b Bucket, c Config) (*logs.Logs, error) {
	if err := CheckPrefix(c.Prefix); err != nil {
		return nil, fmt.Errorf("open the logs in a bucket: %w", err)
	}
	d := &driver{b: b, noted: map[string]time.Time{}, now: time.Now}
	if c.Prefix != "" {
		d.root = c.Prefix + "/"
	}
	if c.Logs.Buffer <= 0 {
		c.Logs.Buffer = DefaultBuffer
	}
	if c.Logs.BufferTime <= 0 {
		c.Logs.BufferTime = DefaultBufferTime
	}
	return logs.New(d, c.Logs), nil
}

// driver implements logs.Driver and logs.Packer.
type driver struct {
	b    Bucket
	root string // empty, or with a slash at its end
	now  func() time.Time

	mu sync.Mutex
	// noted is when a folder's whole id was written by this process.
	noted map[string]time.Time
}

var (
	_ logs.Driver = (*driver)(nil)
	_ logs.Packer = (*driver)(nil)
)

// The keys of metadata.
const (
	metaWriter = "writer" // who wrote the object: one opening of a log
	metaClosed = "closed" // there if this is the end of the log
)

// Open implements logs.Driver. The first segment is looked for first, as that costs a
// twelfth of a list.
func (d *driver) Open(ctx context.Context, a run.Attempt) (logs.Appender, error) {
	p := &appender{d: d, a: a, writer: rand.Text()}
	_, err := d.b.Head(ctx, d.key(a, 0))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err != nil {
		l, err := d.lookup(ctx, a)
		if l == nil || err != nil {
			return p, err
		}
	}
	f, err := d.find(ctx, a)
	if err != nil {
		return nil, err
	}
	p.segs, p.marker = f.info.Segments, f.marker
	return p, nil
}

// appender implements logs.Appender.
type appender struct {
	d      *driver
	a      run.Attempt
	writer string
	segs   []logs.Segment
	// marker is the empty segment that closed the log when it was opened: it is replaced.
	marker Object
}

// Segments implements logs.Appender.
func (p *appender) Segments() []logs.Segment { return p.segs }

// Append implements logs.Appender.
func (p *appender) Append(ctx context.Context, segment int64, b []byte) (int, error) {
	if err := p.put(ctx, segment, b, map[string]string{metaWriter: p.writer}); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close implements logs.Appender.
func (p *appender) Close(ctx context.Context, segment int64, b []byte) error {
	err := p.put(ctx, segment, b, map[string]string{metaWriter: p.writer, metaClosed: "true"})
	if len(b) == 0 && errors.Is(err, logs.ErrTaken) {
		return nil // the log goes on: it is for somebody else to close it
	}
	return err
}

// put writes a segment that is not there yet, or is this writer's own.
func (p *appender) put(ctx context.Context, segment int64, b []byte, meta map[string]string) error {
	if err := p.d.note(ctx, p.a.Key); err != nil {
		return err
	}
	o := Put{Key: p.d.key(p.a, segment), Body: b, Meta: meta, If: Condition{Absent: true}}
	if o.Key == p.marker.Key {
		o.If = Condition{Version: p.marker.Version}
	}
	err := p.d.b.Put(ctx, o)
	if !errors.Is(err, ErrCondition) {
		return err
	}
	there, err := p.d.b.Head(ctx, o.Key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err != nil || there.Meta[metaWriter] != p.writer {
		return logs.ErrTaken
	}
	// What was said to have failed had been done; and there may be more of it by now.
	o.If = Condition{Version: there.Version}
	if err = p.d.b.Put(ctx, o); errors.Is(err, ErrCondition) {
		return fmt.Errorf("write %s: %w", o.Key, err)
	}
	return err
}

// found is what a look at the objects of a log has found.
type found struct {
	info logs.Info
	// last is the object of the last segment, unless that is in a pack.
	last Object
	// marker is the object that only says that the log is closed, if there is one.
	marker Object
	// keys are all objects of the log.
	keys []string
}

// segments finds the objects of a log, without packs.
func (d *driver) segments(ctx context.Context, a run.Attempt) (found, error) {
	f := found{info: logs.Info{Attempt: a}}
	base := d.key(a, 0)
	for o, err := range d.list(ctx, base) {
		if err != nil {
			return f, err
		}
		if try, offset, ok := layout.ParseSegment(o.Key[strings.LastIndexByte(o.Key, '/')+1:], digits); ok && try == a.Try {
			f.add(o, offset)
		}
	}
	return f, nil
}

// add adds the next object of a log.
func (f *found) add(o Object, offset int64) {
	f.keys = append(f.keys, o.Key)
	if o.Modified.After(f.info.Modified) {
		f.info.Modified = o.Modified
	}
	if o.Size == 0 { // old ones have been written over by who went on
		f.marker = o
		return
	}
	f.last, f.marker = o, Object{}
	f.info.Segments = append(f.info.Segments, logs.Segment{Offset: offset, Size: o.Size})
}

// begin puts what a pack has of a log before its segments.
func (f *found) begin(head logs.Info) {
	f.info.Segments = append(head.Segments, f.info.Segments...)
	if f.info.Modified.Before(head.Modified) {
		f.info.Modified = head.Modified
	}
}

// find finds the objects of a log, and what a pack has of it.
func (d *driver) find(ctx context.Context, a run.Attempt) (found, error) {
	f, err := d.segments(ctx, a)
	if err != nil {
		return f, err
	}
	if segs := f.info.Segments; len(segs) > 0 && segs[0].Offset == 0 {
		return f, nil
	}
	l, err := d.lookup(ctx, a)
	if l != nil {
		f.begin(l.info())
	}
	return f, err
}

// Stat implements logs.Driver.
func (d *driver) Stat(ctx context.Context, a run.Attempt) (logs.Info, error) {
	f, err := d.find(ctx, a)
	if err != nil {
		return logs.Info{}, err
	}
	switch {
	case f.info.Size() == 0:
		return f.info, logs.ErrNotFound
	case f.marker.Key != "" || f.last.Key == "":
		f.info.Closed = true // packs hold logs that are closed
		return f.info, nil
	}
	return d.statLast(ctx, f)
}

// statLast asks the last segment whether it is the last one. That is asked after the list
// was read: if it is, then nothing is missing in the list.
func (d *driver) statLast(ctx context.Context, f found) (logs.Info, error) {
	o, err := d.b.Head(ctx, f.last.Key)
	if errors.Is(err, ErrNotFound) {
		return f.info, nil // just removed
	}
	if err != nil {
		return logs.Info{}, err
	}
	f.info.Closed = o.Meta[metaClosed] != ""
	f.info.Segments[len(f.info.Segments)-1].Size = o.Size // it may have been written again
	return f.info, nil
}

// ReadAt implements logs.Driver.
func (d *driver) ReadAt(ctx context.Context, a run.Attempt, segment int64, p []byte, from int64) (int, error) {
	n, err := d.b.Get(ctx, d.key(a, segment), p, from)
	if !errors.Is(err, ErrNotFound) {
		return n, err
	}
	if segment > 0 {
		return 0, logs.ErrNotFound
	}
	return d.readPacked(ctx, a, p, from)
}

// Remove implements logs.Driver.
func (d *driver) Remove(ctx context.Context, a run.Attempt, segments ...int64) error {
	if len(segments) > 0 {
		var keys []string
		for _, s := range segments {
			keys = append(keys, d.key(a, s))
		}
		return d.b.Delete(ctx, keys...)
	}
	f, err := d.segments(ctx, a)
	if err != nil {
		return err
	}
	if err := d.removePacked(ctx, a); err != nil || len(f.keys) == 0 {
		return err
	}
	return d.b.Delete(ctx, f.keys...)
}

// list gives all objects whose keys begin with a prefix, page by page.
func (d *driver) list(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		token := ""
		for {
			page, err := d.b.List(ctx, prefix, token)
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page.Objects {
				if !yield(o, nil) {
					return
				}
			}
			if token = page.Next; token == "" {
				return
			}
		}
	}
}
