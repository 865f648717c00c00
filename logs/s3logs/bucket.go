package s3logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/updraft-dev/updraft/logs/objects"
)

// bucket implements objects.Bucket.
type bucket struct {
	client *s3.Client
	name   string
	sse    types.ServerSideEncryption
	key    *string // of KMS
}

const (
	// contentType lets a browser show a log.
	contentType = "text/plain; charset=utf-8"
	// maxDelete is how many objects S3 deletes at once.
	maxDelete = 1000
)

// Put implements objects.Bucket.
func (b *bucket) Put(ctx context.Context, p objects.Put) error {
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: &p.Key, Body: bytes.NewReader(p.Body), Metadata: p.Meta, ContentType: aws.String(contentType),
		ServerSideEncryption: b.sse, SSEKMSKeyId: b.key,
	}
	if b.sse == types.ServerSideEncryptionAwsKms {
		in.BucketKeyEnabled = aws.Bool(true) // or KMS is asked, and paid, for every object
	}
	if p.If.Absent {
		in.IfNoneMatch = aws.String("*")
	}
	if p.If.Version != "" {
		in.IfMatch = &p.If.Version
	}
	_, err := b.client.PutObject(ctx, in)
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
	for trial := 1; ; trial++ {
		n, err := b.get(ctx, key, p, from)
		if trial == reads || !errors.Is(err, io.ErrUnexpectedEOF) {
			return n, err
		}
	}
}

// reads is how often an object is read: the SDK tries calls again, but leaves what they
// return to us, and a connection may end within it.
const reads = 3

func (b *bucket) get(ctx context.Context, key string, p []byte, from int64) (n int, err error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.name, Key: &key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", from, from+int64(len(p))-1)),
	})
	if err != nil {
		if code(err) == "InvalidRange" {
			return 0, nil // after its end
		}
		return 0, b.explain(err)
	}
	defer out.Body.Close()
	// Who is between us and S3 may leave the length away. That the connection has ended too
	// early is another error than the end of the object.
	for n < len(p) && err == nil {
		var more int
		more, err = out.Body.Read(p[n:])
		n += more
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, b.explain(err)
}

// Head implements objects.Bucket.
func (b *bucket) Head(ctx context.Context, key string) (objects.Object, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return objects.Object{}, b.explain(err)
	}
	return objects.Object{
		Key: key, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified), Version: aws.ToString(out.ETag), Meta: out.Metadata,
	}, nil
}

// List implements objects.Bucket.
func (b *bucket) List(ctx context.Context, prefix, token string) (objects.Page, error) {
	in := &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix}
	if token != "" {
		in.ContinuationToken = &token
	}
	out, err := b.client.ListObjectsV2(ctx, in)
	if err != nil {
		return objects.Page{}, b.explain(err)
	}
	var page objects.Page
	for _, o := range out.Contents {
		page.Objects = append(page.Objects, objects.Object{
			Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified), Version: aws.ToString(o.ETag),
		})
	}
	if aws.ToBool(out.IsTruncated) {
		page.Next = aws.ToString(out.NextContinuationToken)
	}
	return page, nil
}

// Delete implements objects.Bucket.
func (b *bucket) Delete(ctx context.Context, keys ...string) error {
	for some := range slices.Chunk(keys, maxDelete) {
		in := &s3.DeleteObjectsInput{Bucket: &b.name, Delete: &types.Delete{Quiet: aws.Bool(true)}}
		for _, k := range some {
			in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: aws.String(k)})
		}
		out, err := b.client.DeleteObjects(ctx, in)
		if err != nil {
			return b.explain(err)
		}
		for _, e := range out.Errors {
			if aws.ToString(e.Code) != "NoSuchKey" {
				return b.explain(&deleteError{e})
			}
		}
	}
	return nil
}
