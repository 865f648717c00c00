package task

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// LargeXComs keeps XComs that are too large for the store, by keys like a/b/c.
type LargeXComs interface {
	// Put keeps a value; putting the same key again replaces it.
	Put(ctx context.Context, key string, value []byte) error
	// Get returns a value, or an error that is fs.ErrNotExist.
	Get(ctx context.Context, key string) ([]byte, error)
}

// reference is what the store holds in place of a large XCom.
type reference struct {
	Key   string `json:"__updraft_xcom__"`
	Bytes int    `json:"bytes"`
	Sum   string `json:"sha256"`
}

const (
	refKey    = "__updraft_xcom__"
	refPrefix = `{"` + refKey + `":`
)

func short(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// LargeXComFolder is the folder of a run's large XComs: the beginning of their keys, up to
// the last slash. Ids may hold anything, so they are hashed.
func LargeXComFolder(id run.ID) string { return path.Join(short(id.DAG), short(id.Run)) }

// putLarge keeps a value under a key of its own attempt and claim, so that a zombie
// cannot overwrite what its successor pushed.
func putLarge(ctx context.Context, l LargeXComs, a run.Attempt, token, name string, raw []byte) (json.RawMessage, error) {
	key := path.Join(LargeXComFolder(a.ID), short(a.Task, fmt.Sprint(a.Map), fmt.Sprint(a.Try), token, name))
	if err := l.Put(ctx, key, raw); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	return json.Marshal(reference{Key: key, Bytes: len(raw), Sum: hex.EncodeToString(sum[:])})
}

// WholeXCom returns a stored XCom's value: itself, or what it refers to.
func WholeXCom(ctx context.Context, l LargeXComs, raw json.RawMessage) (json.RawMessage, error) {
	if !bytes.HasPrefix(raw, []byte(refPrefix)) {
		return raw, nil
	}
	var ref reference
	if err := json.Unmarshal(raw, &ref); err != nil {
		return nil, fmt.Errorf("its reference to a large value is damaged")
	}
	if l == nil {
		return nil, errors.New("its value is kept elsewhere, and there is no storage for large XComs here")
	}
	value, err := l.Get(ctx, ref.Key)
	if err != nil {
		return nil, fmt.Errorf("reading its %d bytes: %w", ref.Bytes, err)
	}
	if sum := sha256.Sum256(value); hex.EncodeToString(sum[:]) != ref.Sum {
		return nil, fmt.Errorf("its value in the storage of large XComs is damaged: run the task again")
	}
	return value, nil
}

// FolderXComs keeps large XComs as files of a folder.
type FolderXComs struct{ root *os.Root }

// OpenFolderXComs returns the storage in a folder, which is made if it is not there.
func OpenFolderXComs(dir string) (*FolderXComs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of large XComs: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of large XComs: %w", err)
	}
	return &FolderXComs{root: root}, nil
}

// Close releases the folder.
func (f *FolderXComs) Close() error { return f.root.Close() }

// Put implements LargeXComs.
func (f *FolderXComs) Put(_ context.Context, key string, value []byte) error {
	if err := f.root.MkdirAll(path.Dir(key), 0o700); err != nil {
		return err
	}
	// A reader must never see half a value, so it gets its name when it is whole. Two
	// writers of one key are one claim, and so the same process.
	tmp := key + ".part"
	w, err := f.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(value)
	if err = errors.Join(err, w.Sync(), w.Close()); err != nil {
		return err
	}
	return f.root.Rename(tmp, key)
}

// Get implements LargeXComs.
func (f *FolderXComs) Get(_ context.Context, key string) ([]byte, error) { return f.root.ReadFile(key) }

// Sweep removes the values of runs that are not among these, but for those written since
// a time: a run that is being made may not be known yet.
func (f *FolderXComs) Sweep(ctx context.Context, runs iter.Seq2[run.ID, error], since time.Time) error {
	found, err := fs.Glob(f.root.FS(), "*/*")
	if err != nil || len(found) == 0 {
		return err
	}
	known := map[string]bool{}
	for id, err := range runs {
		if err != nil {
			return err
		}
		known[LargeXComFolder(id)] = true
	}
	for _, dir := range found {
		info, err := f.root.Stat(dir)
		if err != nil || known[dir] || info.ModTime().After(since) {
			continue
		}
		if err := errors.Join(ctx.Err(), f.root.RemoveAll(dir)); err != nil {
			return fmt.Errorf("remove large XComs: %w", err)
		}
	}
	return nil
}
