// Package miniologs keeps the logs of attempts in a bucket of MinIO, or of another server
// that speaks S3 and is no part of AWS. How they are laid out is the matter of package
// objects.
package miniologs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
)

// Config says where the logs are, and how they are kept.
type Config struct {
	// Endpoint is HOST:PORT, or only HOST.
	Endpoint string
	// Insecure is for http in place of https.
	Insecure bool
	// Region is what the server calls its own; empty is us-east-1, which is what a server
	// says that was told nothing.
	Region string
	// AccessKey and SecretKey are those of a user who may read, write, list and delete.
	AccessKey, SecretKey string
	// Bucket is there already. Prefix is what all keys begin with; it may be empty.
	Bucket, Prefix string
	// SSE is how objects are encrypted: AES256 or aws:kms; empty leaves it to the server.
	SSE string
	// KMSKey is the name of the key for aws:kms; the server wants one.
	KMSKey string
	// Logs is how logs are written and bounded; see objects.Config.
	Logs logs.Config
}

const want = "minio://HOST:PORT/BUCKET/PREFIX?secure=false, where PREFIX and the parameters may be left out"

// ParseURL reads a configuration from a URL such as minio://127.0.0.1:9000/bucket/prefix.
// Its parameters are secure (true or false), region, sse, kms_key and max_size. The keys
// are not in it.
func ParseURL(raw string) (Config, error) {
	l, err := objects.ParseURL(raw, "minio", want, "secure", "region", "sse", "kms_key")
	if err != nil {
		return Config{}, err
	}
	c := Config{
		Endpoint: l.Host, Region: l.Values.Get("region"), SSE: l.Values.Get("sse"), KMSKey: l.Values.Get("kms_key"), Logs: logs.Config{MaxSize: l.MaxSize},
	}
	c.Bucket, c.Prefix, _ = strings.Cut(l.Path, "/")
	if s := l.Values.Get("secure"); s != "" {
		secure, err := strconv.ParseBool(s)
		if err != nil {
			return Config{}, fmt.Errorf("logs %q: secure is %q: use true for https and false for http", raw, s)
		}
		c.Insecure = !secure
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("logs %q: %w", raw, err)
	}
	return c, nil
}

func (c *Config) check() error {
	if c.Endpoint == "" || c.Bucket == "" {
		return errors.New("name a server and a bucket: " + want)
	}
	if _, err := c.encryption(); err != nil {
		return err
	}
	return objects.CheckPrefix(c.Prefix)
}

// encryption returns nil if it is left to the server.
func (c *Config) encryption() (encrypt.ServerSide, error) {
	switch {
	case c.SSE == "" && c.KMSKey == "":
		return nil, nil //nolint:nilnil // what the client takes for none
	case c.SSE == "AES256" && c.KMSKey == "":
		return encrypt.NewSSE(), nil
	case c.SSE == "aws:kms" && c.KMSKey != "":
		return encrypt.NewSSEKMS(c.KMSKey, nil)
	}
	return nil, fmt.Errorf("sse is %q and kms_key %q: use sse=AES256, or sse=aws:kms&kms_key=NAME, or neither", c.SSE, c.KMSKey)
}

// Open returns the logs in a bucket. Several processes may use it at once. Nothing is asked
// of the server before the first log.
func Open(c Config) (*logs.Logs, error) {
	b, err := OpenBucket(c)
	if err != nil {
		return nil, err
	}
	return objects.Open(b, objects.Config{Prefix: c.Prefix, Logs: c.Logs})
}

// OpenBucket returns the bucket itself, for what else is kept in it.
func OpenBucket(c Config) (objects.Bucket, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("open a bucket of MinIO: %w", err)
	}
	if c.AccessKey == "" || c.SecretKey == "" {
		return nil, fmt.Errorf("open the bucket %s at %s: there are no keys: set MINIO_ACCESS_KEY and MINIO_SECRET_KEY", c.Bucket, c.Endpoint)
	}
	sse, err := c.encryption()
	if err != nil {
		return nil, err
	}
	region := c.Region
	if region == "" {
		region = "us-east-1" // or the client asks the server for it, with a request of its own
	}
	client, err := minio.NewCore(c.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: !c.Insecure, Region: region, BucketLookup: minio.BucketLookupPath,
		MaxRetries: maxTries,
	})
	if err != nil {
		return nil, fmt.Errorf("open the bucket %s at %s: %w", c.Bucket, c.Endpoint, err)
	}
	return &bucket{client: client, name: c.Bucket, endpoint: c.Endpoint, sse: sse}, nil
}

// maxTries is how often the client tries a call. Its own 10 take minutes, and a task would
// not end meanwhile: logs wait, and are tried again.
const maxTries = 5
