// Package process runs the processes of local attempts under a shepherd: a small
// process of its own that starts them, waits for them and remembers how they ended.
// The process that schedules may be killed and started again; its attempts' processes
// live on, their output is kept in files, and Exec attaches to them again.
package process

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// request is a line from the host to the shepherd.
type request struct {
	// Do is start, term, kill, or drop: to kill and keep nothing.
	Do string `json:"do"`
	ID string `json:"id"`
	// Spool belongs to start and drop.
	Spool spool `json:"spool,omitempty"`
	// The rest belongs to start.
	Argv   []string `json:"argv,omitempty"`
	Env    []string `json:"env,omitempty"`
	Dir    string   `json:"dir,omitempty"`
	Stdin  []byte   `json:"stdin,omitempty"`
	Memory int64    `json:"memory,omitempty"`
}

// answer is a line from the shepherd to the host: a process has ended, or could not
// be started.
type answer struct {
	ID   string     `json:"id"`
	Exit *task.Exit `json:"exit,omitempty"`
	// Error says why it could not be started.
	Error string `json:"error,omitempty"`
	// lost says, on the host's side only, why there will be no answer; the process and
	// its output stay as they are.
	lost error
}

// maxLine bounds a line of the protocol: arguments and environment of one process are
// bounded by the system (2 MiB on Linux), and stdin comes in base64.
const maxLine = 64 << 20

// spool is what the names of a process' files begin with. They are in one folder with those
// of all others: to make a folder for each costs more than to start most processes.
type spool string

// The files of a process, by how their names end.
const (
	outFile    = "out"    // its output, written by the process itself
	offsetFile = "offset" // how much of it has been handed on while it ran, as text
	exitFile   = "exit"   // how it ended, as JSON, and how much was handed on then
	lostFile   = "lost"   // it died with its shepherd
)

// file is the path of one of them.
func (s spool) file(kind string) string { return string(s) + "." + kind }

// all are all kinds of files.
func all() []string { return []string{outFile, offsetFile, exitFile, lostFile} }

// remove removes those of some kinds.
func (s spool) remove(kinds ...string) error {
	for _, kind := range kinds {
		if err := syscall.Unlink(s.file(kind)); err != nil && !errors.Is(err, syscall.ENOENT) {
			return &os.PathError{Op: "unlink", Path: s.file(kind), Err: err}
		}
	}
	return nil
}

// identify names a process by what it is for, so that starting it twice is starting
// it once: what the names of its files begin with, which begins with that of its attempt.
func identify(a run.Attempt, name string) string { return short(a.String()) + "." + short(name) }

// identified is the inverse for the name of a file: the name of the attempt, and that of the
// process. It is false for what is not a process'.
func identified(file string) (attempt, id string, ok bool) {
	parts := strings.Split(file, ".")
	if len(parts) != 3 || len(parts[0]) != shortSize || len(parts[1]) != shortSize {
		return "", "", false
	}
	return parts[0], parts[0] + "." + parts[1], true
}

// shortSize is the length of what short returns.
const shortSize = 24

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:shortSize/2])
}

func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// lines reads JSON lines until the reader ends or handle fails.
func lines[T any](r io.Reader, handle func(T) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			return fmt.Errorf("read a line of the shepherd's protocol: %w", err)
		}
		if err := handle(v); err != nil {
			return err
		}
	}
	return sc.Err()
}
