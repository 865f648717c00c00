package s3

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/task"
)

// createObject executes an S3CreateObjectOperator.
func createObject(ctx context.Context, a *task.Attempt) (task.Result, error) {
	at, err := argument(a, "s3_bucket", "s3_key")
	if err != nil {
		return task.Result{}, err
	}
	body, err := content(a)
	if err != nil {
		return task.Result{}, err
	}
	replace, e1 := task.Get(a, "replace", false)
	encrypt, e2 := task.Get(a, "encrypt", false)
	acl, e3 := task.Get(a, "acl_policy", "")
	if err := errors.Join(e1, e2, e3); err != nil {
		return task.Result{}, err
	}
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	in := &api.PutObjectInput{ACL: types.ObjectCannedACL(acl), Body: bytes.NewReader(body)}
	if encrypt {
		in.ServerSideEncryption = types.ServerSideEncryptionAes256
	}
	return task.Result{}, s.put(ctx, a, at, in, replace)
}

// content is what to write.
func content(a *task.Attempt) ([]byte, error) {
	text, e1 := task.Get(a, "data", "")
	encoding, e2 := task.Get(a, "encoding", "")
	compression, e3 := task.Get(a, "compression", "")
	if err := errors.Join(e1, e2, e3); err != nil {
		return nil, err
	}
	body := []byte(text)
	if encoding != "" {
		e, err := htmlindex.Get(strings.ReplaceAll(encoding, "_", "-"))
		if err != nil {
			return nil, task.Misconfigured(fmt.Errorf("argument encoding is %q: no such encoding is known", encoding))
		}
		if body, err = e.NewEncoder().Bytes(body); err != nil {
			return nil, fmt.Errorf("the text cannot be written in %s: %w", encoding, err)
		}
	}
	switch compression {
	case "":
		return body, nil
	case "gzip":
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, e1 := w.Write(body)
		return b.Bytes(), errors.Join(e1, w.Close())
	}
	return nil, task.Misconfigured(fmt.Errorf("argument compression is %q: only gzip is known", compression))
}

// put uploads an object. Without replace it fails if there is one, as Airflow: it looks
// first, because not every store of this kind knows conditional writes.
func (s *session) put(ctx context.Context, a *task.Attempt, at location, in *api.PutObjectInput, replace bool) error {
	if !replace {
		there, err := s.head(ctx, at)
		if err != nil {
			return err
		}
		if there != nil {
			return fmt.Errorf("the key %s already exists: set replace to write over it", at)
		}
	}
	in.Bucket, in.Key = &at.bucket, &at.key
	if _, err := s.client.PutObject(ctx, in); err != nil {
		return s.Failed("write "+at.String(), err)
	}
	a.Log.InfoContext(ctx, "wrote "+at.String())
	return nil
}

// head returns what S3 knows of an object; nil if there is none.
func (s *session) head(ctx context.Context, at location) (*api.HeadObjectOutput, error) {
	out, err := s.client.HeadObject(ctx, &api.HeadObjectInput{Bucket: &at.bucket, Key: &at.key})
	if aws.IsAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.Failed("look for "+at.String(), err)
	}
	return out, nil
}

// copyObject executes an S3CopyObjectOperator.
func copyObject(ctx context.Context, a *task.Attempt) (task.Result, error) {
	from, e1 := argument(a, "source_bucket_name", "source_bucket_key")
	to, e2 := argument(a, "dest_bucket_name", "dest_bucket_key")
	in, e3 := copying(a)
	if err := errors.Join(e1, e2, e3); err != nil {
		return task.Result{}, err
	}
	version, err := task.Get(a, "source_version_id", "")
	if err != nil {
		return task.Result{}, err
	}
	source := (&url.URL{Path: from.bucket + "/" + from.key}).EscapedPath()
	source = strings.ReplaceAll(source, "+", "%2B") // S3 reads it as a space
	if version != "" {
		source += "?versionId=" + url.QueryEscape(version)
	}
	in.CopySource, in.Bucket, in.Key = &source, &to.bucket, &to.key
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	if _, err := s.client.CopyObject(ctx, in); err != nil {
		return task.Result{}, s.Failed(fmt.Sprintf("copy %s to %s", from, to), err)
	}
	a.Log.InfoContext(ctx, fmt.Sprintf("copied %s to %s", from, to))
	return task.Result{}, nil
}

// copying is how the copy is to be.
func copying(a *task.Attempt) (*api.CopyObjectInput, error) {
	acl, e1 := task.Get(a, "acl_policy", "")
	directive, e2 := task.Get(a, "meta_data_directive", "")
	key, e3 := aws.Optional(a, "kms_key_id")
	encryption, e4 := task.Get(a, "kms_encryption_type", "")
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, err
	}
	if (key == nil) != (encryption == "") {
		return nil, task.Misconfigured(errors.New("kms_key_id and kms_encryption_type must both be specified: only one was"))
	}
	switch acl {
	case "":
		acl = string(types.ObjectCannedACLPrivate)
	case "no-acl":
		acl = ""
	}
	return &api.CopyObjectInput{
		ACL: types.ObjectCannedACL(acl), MetadataDirective: types.MetadataDirective(directive),
		SSEKMSKeyId: key, ServerSideEncryption: types.ServerSideEncryption(encryption),
	}, nil
}

// maxDelete is how many keys one call may delete.
const maxDelete = 1000

// deleteObjects executes an S3DeleteObjectsOperator.
func deleteObjects(ctx context.Context, a *task.Attempt) (task.Result, error) {
	bucket, e1 := bucketName(a, "bucket")
	keys, e2 := task.Get(a, "keys", []string(nil))
	prefix, e3 := task.Get(a, "prefix", "")
	from, e4 := moment(a, "from_datetime")
	to, e5 := moment(a, "to_datetime")
	if err := errors.Join(e1, e2, e3, e4, e5); err != nil {
		return task.Result{}, err
	}
	byKey := a.Args["keys"] != nil
	if byKey == (a.Args["prefix"] != nil || from != nil || to != nil) {
		return task.Result{}, task.Misconfigured(errors.New("either keys or at least one of prefix, from_datetime, to_datetime should be set"))
	}
	if byKey && (len(keys) == 0 || len(keys) == 1 && keys[0] == "") {
		return task.Result{}, nil
	}
	s, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer s.Close()
	if !byKey {
		err := s.objects(ctx, bucket, prefix, func(o types.Object) error {
			if t := sdk.ToTime(o.LastModified); (from == nil || !t.Before(*from)) && (to == nil || !t.After(*to)) {
				keys = append(keys, sdk.ToString(o.Key))
			}
			return nil
		})
		if err != nil {
			return task.Result{}, err
		}
	}
	return task.Result{}, s.remove(ctx, a, bucket, keys)
}

// remove deletes objects by their keys.
func (s *session) remove(ctx context.Context, a *task.Attempt, bucket string, keys []string) error {
	for len(keys) > 0 {
		n := min(len(keys), maxDelete)
		ids := make([]types.ObjectIdentifier, n)
		for i := range ids {
			ids[i].Key = &keys[i]
		}
		out, err := s.client.DeleteObjects(ctx, &api.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: ids, Quiet: sdk.Bool(true)}})
		if err != nil {
			return s.Failed("delete from bucket "+bucket, err)
		}
		if len(out.Errors) > 0 {
			e := out.Errors[0]
			return fmt.Errorf("%d of %d objects are not deleted, the first is %s: %s: %s", len(out.Errors), n, sdk.ToString(e.Key), sdk.ToString(e.Code), sdk.ToString(e.Message))
		}
		a.Log.InfoContext(ctx, fmt.Sprintf("deleted %d objects of bucket %s", n, bucket))
		keys = keys[n:]
	}
	return nil
}

// moment reads a time, or what a template writes of one; without an offset it is UTC.
func moment(a *task.Attempt, name string) (*time.Time, error) {
	switch v := a.Args[name].(type) {
	case nil:
		return nil, nil
	case time.Time:
		return &v, nil
	case string:
		text := strings.Replace(strings.TrimSpace(v), " ", "T", 1)
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "20060102T150405", time.DateOnly, "20060102"} {
			if t, err := time.Parse(layout, text); err == nil {
				return &t, nil
			}
		}
	}
	return nil, task.Misconfigured(fmt.Errorf("argument %s is %v, not a time such as 2024-05-01T10:00:00+00:00", name, a.Args[name]))
}

// read copies an object to w.
func (s *session) read(ctx context.Context, at location, w io.Writer) error {
	out, err := s.client.GetObject(ctx, &api.GetObjectInput{Bucket: &at.bucket, Key: &at.key})
	if err != nil {
		return s.Failed("read "+at.String(), err)
	}
	defer out.Body.Close()
	if _, err := io.Copy(w, out.Body); err != nil {
		return s.Failed("read "+at.String(), err)
	}
	return nil
}

// headed is HeadObject's answer as boto3 names its parts.
func headed(out *api.HeadObjectOutput) map[string]any {
	known := map[string]any{"ContentLength": sdk.ToInt64(out.ContentLength)}
	texts := map[string]*string{
		"ETag": out.ETag, "ContentType": out.ContentType, "ContentEncoding": out.ContentEncoding, "CacheControl": out.CacheControl,
		"ContentDisposition": out.ContentDisposition, "ContentLanguage": out.ContentLanguage, "VersionId": out.VersionId, "AcceptRanges": out.AcceptRanges,
		"Expiration": out.Expiration, "SSEKMSKeyId": out.SSEKMSKeyId, "WebsiteRedirectLocation": out.WebsiteRedirectLocation,
	}
	for name, v := range texts {
		if v != nil {
			known[name] = *v
		}
	}
	for name, v := range map[string]string{
		"StorageClass": string(out.StorageClass), "ServerSideEncryption": string(out.ServerSideEncryption), "ReplicationStatus": string(out.ReplicationStatus),
	} {
		if v != "" {
			known[name] = v
		}
	}
	if out.LastModified != nil {
		known["LastModified"] = *out.LastModified
	}
	metadata := make(map[string]any, len(out.Metadata))
	for name, v := range out.Metadata {
		metadata[name] = v
	}
	known["Metadata"] = metadata
	return known
}
