package cloudtest

import (
	"context"

	"github.com/updraft-dev/updraft/logs/objects"
)

// bucket is the bucket as a process has it.
type bucket struct {
	objects.Bucket
	p *Process
}

// calling begins a call. It takes no time there: logs are written under a lock, and virtual
// time does not pass while somebody waits for one. The invocation takes longer instead.
func (b bucket) calling(call string) error {
	b.p.owed.Add(int64(b.p.dice.latency(call)))
	return b.p.check(call)
}

func (b bucket) Put(ctx context.Context, o objects.Put) error {
	if err := b.calling("S3.PutObject"); err != nil {
		return err
	}
	return b.Bucket.Put(ctx, o)
}

func (b bucket) Get(ctx context.Context, key string, into []byte, from int64) (int, error) {
	if err := b.calling("S3.GetObject"); err != nil {
		return 0, err
	}
	return b.Bucket.Get(ctx, key, into, from)
}

func (b bucket) Head(ctx context.Context, key string) (objects.Object, error) {
	if err := b.calling("S3.HeadObject"); err != nil {
		return objects.Object{}, err
	}
	return b.Bucket.Head(ctx, key)
}

func (b bucket) List(ctx context.Context, prefix, token string) (objects.Page, error) {
	if err := b.calling("S3.ListObjectsV2"); err != nil {
		return objects.Page{}, err
	}
	return b.Bucket.List(ctx, prefix, token)
}

func (b bucket) Delete(ctx context.Context, keys ...string) error {
	if err := b.calling("S3.DeleteObjects"); err != nil {
		return err
	}
	return b.Bucket.Delete(ctx, keys...)
}
