package sqsqueue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/queue"
)

// Payloads keeps the bodies of messages that are too large for SQS. They are named by
// their digest: the same body twice is kept once. Nothing removes them with their message,
// which SQS may deliver again although it was deleted: expire them later than messages and
// dead letters, which SQS keeps for 14 days each at most. All methods may be called
// concurrently.
type Payloads interface {
	// Put keeps a body under a name.
	Put(ctx context.Context, name string, body []byte) error
	// Get returns what is under a name, or ErrNoPayload. It reads no more than limit bytes.
	Get(ctx context.Context, name string, limit int64) ([]byte, error)
}

// ErrNoPayload says that there is nothing under a name.
var ErrNoPayload = errors.New("payload is not there")

// reference is the body of a message whose payload is kept elsewhere. It has the version
// and a kind, as every message.
type reference struct {
	Version int    `json:"v"`
	Kind    string `json:"kind"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
}

const (
	referenceVersion = 1
	referenceKind    = "payload"
	// referenceStart is how references begin, as json.Marshal writes them.
	referenceStart = `{"v":1,"kind":"payload",`
)

// pack returns what is sent to SQS for a body.
func (d *driver) pack(ctx context.Context, body []byte) (string, error) {
	t := text(body)
	if len(t) <= sizeLimit {
		return t, nil
	}
	if d.payloads == nil {
		return "", fmt.Errorf("%w: it has %d bytes, %d are allowed: keep payloads in a bucket", queue.ErrTooLarge, len(t), sizeLimit)
	}
	sum := sha256.Sum256(body)
	r := reference{Version: referenceVersion, Kind: referenceKind, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body))}
	if err := d.payloads.Put(ctx, r.SHA256, body); err != nil {
		return "", fmt.Errorf("keep a payload: %w", err)
	}
	ref, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("refer to a payload: %w", err)
	}
	return string(ref), nil
}

// unpack puts payloads in the place of references. One that cannot be had now is left to
// come again; one that is not there, or is another, makes the message a dead letter.
func (d *driver) unpack(ctx context.Context, in []queue.Incoming) (out, left []queue.Incoming) {
	out = in[:0:0]
	for _, m := range in {
		if !isReference(m.Body) {
			out = append(out, m)
			continue
		}
		body, err := d.payload(ctx, m.Body)
		switch {
		case err == nil:
			m.Body = body
			out = append(out, m)
			continue
		case errors.Is(err, errForged) || errors.Is(err, ErrNoPayload):
			d.log.ErrorContext(ctx, "message has no payload and becomes a dead letter", "message", m.ID, "error", err)
			if err = d.Bury(context.WithoutCancel(ctx), m, err.Error()); err == nil {
				continue
			}
		}
		d.log.WarnContext(ctx, "message is left for want of its payload", "message", m.ID, "error", err)
		left = append(left, m)
	}
	return out, left
}

// isReference says that a body refers to a payload.
func isReference(body []byte) bool { return bytes.HasPrefix(body, []byte(referenceStart)) }

// errForged says that a reference or its payload is not what this package wrote.
var errForged = errors.New("payload is not what was sent")

// payload returns what a reference refers to. What it names is checked: it may be forged.
func (d *driver) payload(ctx context.Context, ref []byte) ([]byte, error) {
	if d.payloads == nil {
		return nil, errors.New("this program has no place for payloads: name the bucket that the sender has")
	}
	var r reference
	if err := json.Unmarshal(ref, &r); err != nil {
		return nil, fmt.Errorf("%w: its reference cannot be read: %w", errForged, err)
	}
	want, err := hex.DecodeString(r.SHA256)
	if err != nil || len(want) != sha256.Size || r.Size < 0 || r.Size > payloadLimit {
		return nil, fmt.Errorf("%w: its reference names no payload", errForged)
	}
	body, err := d.payloads.Get(ctx, hex.EncodeToString(want), r.Size+1)
	if err != nil {
		return nil, err
	}
	if got := sha256.Sum256(body); !bytes.Equal(got[:], want) {
		return nil, fmt.Errorf("%w: its digest is another", errForged)
	}
	return body, nil
}

// parseBucket reads s3://BUCKET/PREFIX.
func parseBucket(text string) (bucket, prefix string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return "", "", fmt.Errorf("payloads %q are not in a bucket: write s3://BUCKET/PREFIX", text)
	}
	return u.Host, strings.Trim(u.Path, "/"), nil
}

// Bucket keeps payloads in a bucket of S3.
type Bucket struct {
	client         *s3.Client
	bucket, prefix string
}

var _ Payloads = (*Bucket)(nil)

// OpenBucket returns payloads that are kept in a bucket, under names that begin with
// prefix. It makes no call.
func OpenBucket(cfg aws.Config, bucket, prefix string) *Bucket {
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return &Bucket{bucket: bucket, prefix: prefix, client: s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil // emulators have no names for buckets
	})}
}

// Put implements Payloads.
func (b *Bucket) Put(ctx context.Context, name string, body []byte) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + name), Body: bytes.NewReader(body)})
	if err != nil {
		return fmt.Errorf("write s3://%s/%s%s: %w", b.bucket, b.prefix, name, awsconf.Explain(err))
	}
	return nil
}

// Get implements Payloads.
func (b *Bucket) Get(ctx context.Context, name string, limit int64) ([]byte, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: aws.String(b.prefix + name)})
	if err != nil {
		var missing *types.NoSuchKey // and not that the bucket is missing, which may be mended
		if errors.As(err, &missing) {
			return nil, fmt.Errorf("%w: s3://%s/%s%s: %w", ErrNoPayload, b.bucket, b.prefix, name, err)
		}
		return nil, fmt.Errorf("read s3://%s/%s%s: %w", b.bucket, b.prefix, name, awsconf.Explain(err))
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s%s: %w", b.bucket, b.prefix, name, awsconf.Explain(err))
	}
	return body, nil
}
