package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// result is the value of a container that has ended well.
func (e *engine) result(ctx context.Context, s *spec, id string, out *lines) (task.Result, error) {
	switch {
	case s.file != "":
		return e.retrieved(ctx, s, id)
	case !e.a.Task.DoXComPush || !out.any:
		return task.Result{}, nil
	case out.over:
		return task.Result{}, fmt.Errorf("the output for the return value is longer than %d MiB: write results to a file, or set do_xcom_push to false", MaxOutput>>20)
	case s.all:
		return task.Result{Value: out.kept}, nil
	}
	return task.Result{Value: out.last}, nil
}

// retrieved is the object in the container's file; nothing when there is no file, or an
// empty one, as in Airflow. Python reads it, because it is pickled.
func (e *engine) retrieved(ctx context.Context, s *spec, id string) (task.Result, error) {
	data, err := e.read(ctx, id, s.file)
	if err != nil || len(data) == 0 {
		return task.Result{}, err
	}
	if e.a.Python == nil {
		return task.Result{}, task.Misconfigured(errors.New("a pickled result needs Python, which is not available here"))
	}
	raw, err := e.a.Python.Call(ctx, e.a, task.PythonCall{
		Callable: dag.Callable{Path: readResult}, Args: []any{base64.StdEncoding.EncodeToString(data), s.serializer}, NoContext: true, HideValue: true,
	})
	if err != nil || raw == nil {
		return task.Result{}, err
	}
	return task.Result{Value: raw}, nil
}

func (e *engine) read(ctx context.Context, id, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	found, err := e.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: path})
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(ctx, err, "reading %s in the container", path)
	}
	defer found.Content.Close()
	archive := tar.NewReader(found.Content)
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s in the container is no file", path)
		case err != nil:
			return nil, failed(ctx, err, "reading %s in the container", path)
		case h.Typeflag != tar.TypeReg:
			continue
		case h.Size > MaxOutput:
			return nil, fmt.Errorf("%s in the container is longer than %d MiB: leave large results in a mount or a bucket", path, MaxOutput>>20)
		}
		data, err := io.ReadAll(io.LimitReader(archive, MaxOutput))
		if err != nil {
			return nil, failed(ctx, err, "reading %s in the container", path)
		}
		return data, nil
	}
}

// lines hands output on and keeps the last line of it, or all.
type lines struct {
	to   io.Writer
	all  bool
	kept []any // the lines, without their ends
	last string
	any  bool
	over bool

	line []byte
	size int
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	n, err := l.to.Write(p)
	rest := p
	for {
		before, after, ended := bytes.Cut(rest, []byte("\n"))
		if l.size += len(before); l.size > MaxOutput {
			l.over = true
		} else {
			l.line = append(l.line, before...)
		}
		if !ended {
			return n, err
		}
		l.end()
		rest = after
	}
}

// end ends a line.
func (l *lines) end() {
	l.any, l.last = true, strings.TrimRight(strings.ToValidUTF8(string(l.line), "\uFFFD"), " \t\r\n\v\f")
	if l.line = l.line[:0]; !l.all {
		l.size, l.over = 0, false // only the line that comes now may become the value
	} else if !l.over {
		l.kept = append(l.kept, l.last)
	}
}

// flush ends a line that has no end, in the log as well.
func (l *lines) flush() error {
	if len(l.line) == 0 {
		return nil
	}
	l.end()
	_, err := io.WriteString(l.to, "\n")
	return err
}
