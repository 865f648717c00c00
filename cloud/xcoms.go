package cloud

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	dagsource "github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// maxXCom bounds one large XCom, in bytes: it is read whole into memory.
const maxXCom = 256 << 20

// bucketXComs keeps large XComs as objects, beside the logs.
type bucketXComs struct {
	b      objects.Bucket
	prefix string
}

// BucketXComs keeps large XComs in a bucket, below xcoms/ of a prefix.
func BucketXComs(b objects.Bucket, prefix string) embedded.XComs {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &bucketXComs{b: b, prefix: prefix + "xcoms/"}
}

// Put implements task.LargeXComs.
func (x *bucketXComs) Put(ctx context.Context, key string, value []byte) error {
	if len(value) > maxXCom {
		return fmt.Errorf("a value of %d bytes is above the %d that an XCom may have: write it to a file or a table, and pass where", len(value), maxXCom)
	}
	return x.b.Put(ctx, objects.Put{Key: x.prefix + key, Body: value})
}

// Get implements task.LargeXComs.
func (x *bucketXComs) Get(ctx context.Context, key string) ([]byte, error) {
	o, err := x.b.Head(ctx, x.prefix+key)
	if errors.Is(err, objects.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, err
	}
	if o.Size > maxXCom {
		return nil, fmt.Errorf("object %s has %d bytes, an XCom may have %d", o.Key, o.Size, maxXCom)
	}
	if o.Size == 0 { // of which no range can be asked for
		return []byte{}, nil
	}
	body := make([]byte, o.Size)
	n, err := x.b.Get(ctx, x.prefix+key, body, 0)
	if errors.Is(err, objects.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return body[:n], err
}

// Remove implements source.Blobs.
func (x *bucketXComs) Remove(ctx context.Context, key string) error {
	return x.b.Delete(ctx, x.prefix+key)
}

// Sources keeps the files that DAGs were read from in the same bucket, below sources/: the
// machines that run tasks find there what the one that reads DAG files has kept.
func (x *bucketXComs) Sources() dagsource.Blobs {
	return &bucketXComs{b: x.b, prefix: strings.TrimSuffix(x.prefix, "xcoms/") + "sources/"}
}

// Sweep implements embedded.XComs.
func (x *bucketXComs) Sweep(ctx context.Context, runs iter.Seq2[run.ID, error], since time.Time) error {
	var old []string
	for token := ""; ; {
		page, err := x.b.List(ctx, x.prefix, token)
		if err != nil {
			return fmt.Errorf("list large XComs: %w", err)
		}
		for _, o := range page.Objects {
			if o.Modified.Before(since) {
				old = append(old, o.Key)
			}
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if len(old) == 0 {
		return nil
	}
	known := map[string]bool{}
	for id, err := range runs {
		if err != nil {
			return err
		}
		known[x.prefix+task.LargeXComFolder(id)] = true
	}
	var gone []string
	for _, key := range old {
		if i := strings.LastIndexByte(key, '/'); i < 0 || !known[key[:i]] {
			gone = append(gone, key)
		}
	}
	if err := x.b.Delete(ctx, gone...); err != nil {
		return fmt.Errorf("remove large XComs: %w", err)
	}
	return nil
}

// Close implements embedded.XComs.
func (x *bucketXComs) Close() error { return nil }
