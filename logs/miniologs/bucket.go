package miniologs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/updraft-dev/updraft/logs/objects"
)

// bucket implements objects.Bucket.
type bucket struct {
	client         *minio.Core
	name, endpoint string
	sse            encrypt.ServerSide
}

const (
	contentType = "text/plain; charset=utf-8"
	// maxDelete is how many objects a server deletes at once, and pageSize how many it
	// lists.
	maxDelete, pageSize = 1000, 1000
)

// Put implements objects.Bucket.
func (b *bucket) Put(ctx context.Context, p objects.Put) error {
	o := minio.PutObjectOptions{UserMetadata: p.Meta, ContentType: contentType, ServerSideEncryption: b.sse, DisableMultipart: true}
	if p.If.Absent {
		o.SetMatchETagExcept("*")
	}
	if p.If.Version != "" {
		o.SetMatchETag(p.If.Version)
	}
	_, err := b.client.Client.PutObject(ctx, b.name, p.Key, bytes.NewReader(p.Body), int64(len(p.Body)), o)
	err = b.explain(err)
	if p.If.Version != "" && errors.Is(err, objects.ErrNotFound) {
		return objects.ErrCondition
	}
	return err
}

// Get implements objects.Bucket.
func (b *bucket) Get(ctx context.Context, key string, p []byte, from int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var o minio.GetObjectOptions
	if err := o.SetRange(from, from+int64(len(p))-1); err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	body, info, _, err := b.client.GetObject(ctx, b.name, key, o)
	if err != nil {
		if minio.ToErrorResponse(err).Code == minio.InvalidRange {
			return 0, nil // after its end
		}
		return 0, b.explain(err)
	}
	defer body.Close()
	n, err := io.ReadFull(body, p[:min(int64(len(p)), info.Size)])
	return n, b.explain(err)
}

// Head implements objects.Bucket.
func (b *bucket) Head(ctx context.Context, key string) (objects.Object, error) {
	info, err := b.client.StatObject(ctx, b.name, key, minio.StatObjectOptions{})
	if err != nil {
		return objects.Object{}, b.explain(err)
	}
	o := object(&info)
	for k, v := range info.UserMetadata {
		if o.Meta == nil {
			o.Meta = map[string]string{}
		}
		o.Meta[strings.ToLower(k)] = v
	}
	o.Key = key
	return o, nil
}

func object(i *minio.ObjectInfo) objects.Object {
	return objects.Object{Key: i.Key, Size: i.Size, Modified: i.LastModified, Version: strings.Trim(i.ETag, `"`)}
}

// List implements objects.Bucket. A token is the last key of the page before: the client's
// call that takes the server's own cannot be cancelled.
func (b *bucket) List(ctx context.Context, prefix, token string) (objects.Page, error) {
	o := minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: token, MaxKeys: pageSize}
	var page objects.Page
	for i := range b.client.ListObjectsIter(ctx, b.name, o) {
		if i.Err != nil {
			return objects.Page{}, b.explain(i.Err)
		}
		page.Objects = append(page.Objects, object(&i))
		if len(page.Objects) == pageSize {
			page.Next = i.Key
			break
		}
	}
	return page, ctx.Err()
}

// Delete implements objects.Bucket.
func (b *bucket) Delete(ctx context.Context, keys ...string) error {
	for some := range slices.Chunk(keys, maxDelete) {
		if err := ctx.Err(); err != nil {
			return err
		}
		doomed := make(chan minio.ObjectInfo, len(some))
		for _, k := range some {
			doomed <- minio.ObjectInfo{Key: k}
		}
		close(doomed)
		var errs []error
		for e := range b.client.RemoveObjects(ctx, b.name, doomed, minio.RemoveObjectsOptions{}) {
			if err := b.explain(e.Err); !errors.Is(err, objects.ErrNotFound) {
				errs = append(errs, err)
			}
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

// explain says what an error of the server means; nil stays nil.
func (b *bucket) explain(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := minio.ToErrorResponse(err)
	switch e.Code {
	case minio.NoSuchKey, "NotFound":
		return objects.ErrNotFound
	case minio.PreconditionFailed, "ConditionalRequestConflict":
		return objects.ErrCondition
	case minio.NoSuchBucket:
		return b.cause(objects.ErrNoBucket, "create it (mc mb), or correct its name in the URL of logs", err)
	case "AuthorizationHeaderMalformed", "InvalidRegion", "PermanentRedirect":
		return b.cause(objects.ErrNoBucket, "it is in another region: add region=REGION to the URL of logs", err)
	case minio.InvalidAccessKeyID, minio.SignatureDoesNotMatch, "ExpiredToken", "InvalidTokenId", "RequestTimeTooSkewed":
		return b.cause(objects.ErrDenied, "check MINIO_ACCESS_KEY, MINIO_SECRET_KEY and the clock of this machine", err)
	case minio.AccessDenied:
		return b.cause(objects.ErrDenied, "let the user of MINIO_ACCESS_KEY do s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it", err)
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests":
		return b.cause(objects.ErrBusy, "it is tried again later", err)
	}
	switch e.StatusCode {
	case http.StatusPreconditionFailed:
		return objects.ErrCondition
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return b.cause(objects.ErrBusy, "it is tried again later", err)
	}
	return fmt.Errorf("%s: %w", b.url(), err)
}

func (b *bucket) cause(kind error, remedy string, err error) error {
	return &objects.Cause{Kind: kind, Bucket: b.url(), Remedy: remedy, Err: err}
}

func (b *bucket) url() string { return "minio://" + b.endpoint + "/" + b.name }
