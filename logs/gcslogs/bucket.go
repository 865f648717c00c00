package gcslogs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"cloud.google.com/go/storage"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"github.com/updraft-dev/updraft/logs/objects"
)

// bucket implements objects.Bucket.
type bucket struct {
	handle    *storage.BucketHandle
	name, key string
}

const (
	contentType = "text/plain; charset=utf-8"
	pageSize    = 1000
	// chunk is what the client rounds the size of its buffer to. What fits into the buffer
	// is sent in one request, and can be sent again.
	chunk = 256 << 10
	// maxDeletes is how many objects are deleted at once: the service has no call for many.
	maxDeletes = 16
)

// Put implements objects.Bucket.
func (b *bucket) Put(ctx context.Context, p objects.Put) error {
	o := b.handle.Object(p.Key)
	switch {
	case p.If.Absent:
		o = o.If(storage.Conditions{DoesNotExist: true})
	case p.If.Version != "":
		generation, err := strconv.ParseInt(p.If.Version, 10, 64)
		if err != nil {
			return fmt.Errorf("write %s: its version is %q: %w", p.Key, p.If.Version, err)
		}
		o = o.If(storage.Conditions{GenerationMatch: generation})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // what was not closed well is not written
	w := o.NewWriter(ctx)
	w.ChunkSize = (len(p.Body)/chunk + 1) * chunk
	w.ContentType, w.Metadata, w.KMSKeyName = contentType, p.Meta, b.key
	_, said := w.Write(p.Body)
	if said == nil {
		said = w.Close()
	}
	err := b.explain(said)
	switch {
	case !errors.Is(err, objects.ErrNotFound):
		return err
	case p.If.Version != "":
		return objects.ErrCondition
	}
	return b.noBucket(said)
}

// Get implements objects.Bucket.
func (b *bucket) Get(ctx context.Context, key string, p []byte, from int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r, err := b.handle.Object(key).NewRangeReader(ctx, from, int64(len(p)))
	if err != nil {
		var answer *googleapi.Error
		if errors.As(err, &answer) && answer.Code == http.StatusRequestedRangeNotSatisfiable {
			return 0, nil // after its end
		}
		return 0, b.explain(err)
	}
	defer func() { _ = r.Close() }() // it was for reading
	n, err := io.ReadFull(r, p[:min(int64(len(p)), r.Remain())])
	return n, b.explain(err)
}

// Head implements objects.Bucket.
func (b *bucket) Head(ctx context.Context, key string) (objects.Object, error) {
	a, err := b.handle.Object(key).Attrs(ctx)
	if err != nil {
		return objects.Object{}, b.explain(err)
	}
	o := object(a)
	o.Meta = a.Metadata
	return o, nil
}

func object(a *storage.ObjectAttrs) objects.Object {
	return objects.Object{Key: a.Name, Size: a.Size, Modified: a.Updated, Version: strconv.FormatInt(a.Generation, 10)}
}

// List implements objects.Bucket.
func (b *bucket) List(ctx context.Context, prefix, token string) (objects.Page, error) {
	q := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
	if err := q.SetAttrSelection([]string{"Name", "Size", "Updated", "Generation"}); err != nil {
		return objects.Page{}, fmt.Errorf("list the bucket gs://%s: %w", b.name, err)
	}
	var found []*storage.ObjectAttrs
	next, said := iterator.NewPager(b.handle.Objects(ctx, q), pageSize, token).NextPage(&found)
	err := b.explain(said)
	if errors.Is(err, objects.ErrNotFound) {
		return objects.Page{}, b.noBucket(said)
	}
	page := objects.Page{Next: next}
	for _, a := range found {
		page.Objects = append(page.Objects, object(a))
	}
	return page, err
}

// Delete implements objects.Bucket.
func (b *bucket) Delete(ctx context.Context, keys ...string) error {
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	turn := make(chan struct{}, maxDeletes)
	for i, k := range keys {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			err := b.explain(b.handle.Object(k).Delete(ctx))
			if !errors.Is(err, objects.ErrNotFound) {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// explain says what an error of the service means; nil stays nil.
func (b *bucket) explain(err error) error {
	var answer *googleapi.Error
	var token *oauth2.RetrieveError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, storage.ErrBucketNotExist):
		return b.noBucket(err)
	case errors.Is(err, storage.ErrObjectNotExist):
		return objects.ErrNotFound
	case errors.As(err, &token):
		return b.signIn(err)
	case errors.As(err, &answer):
		return b.byStatus(answer.Code, err)
	}
	return fmt.Errorf("gs://%s: %w", b.name, err)
}

func (b *bucket) byStatus(status int, err error) error {
	switch status {
	case http.StatusNotFound:
		return objects.ErrNotFound
	case http.StatusPreconditionFailed, http.StatusConflict:
		return objects.ErrCondition
	case http.StatusUnauthorized:
		return b.signIn(err)
	case http.StatusForbidden:
		remedy := "give the account the role Storage Object User (roles/storage.objectUser) on it"
		if b.key != "" {
			remedy += ", and the storage service agent the role Cloud KMS CryptoKey Encrypter/Decrypter on " + b.key
		}
		return b.cause(objects.ErrDenied, remedy, err)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return b.cause(objects.ErrBusy, "it is tried again later", err)
	}
	return fmt.Errorf("gs://%s: %w", b.name, err)
}

func (b *bucket) noBucket(err error) error {
	return b.cause(objects.ErrNoBucket, "create it, or correct its name in the URL of logs", err)
}

func (b *bucket) signIn(err error) error {
	return b.cause(objects.ErrDenied, "sign in again (gcloud auth application-default login), or check GOOGLE_APPLICATION_CREDENTIALS", err)
}

func (b *bucket) cause(kind error, remedy string, err error) error {
	return &objects.Cause{Kind: kind, Bucket: "gs://" + b.name, Remedy: remedy, Err: err}
}
