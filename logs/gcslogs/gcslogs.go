// Package gcslogs keeps the logs of attempts in a bucket of Google Cloud Storage. How they
// are laid out is the matter of package objects. It links Google's client, which is large:
// functions on AWS do not import it.
package gcslogs

import (
	"errors"
	"fmt"

	"cloud.google.com/go/storage"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
)

// Config says where the logs are, and how they are kept.
type Config struct {
	// Bucket is there already. Prefix is what all keys begin with; it may be empty.
	Bucket, Prefix string
	// KMSKey is the key that objects are encrypted with, as
	// projects/P/locations/L/keyRings/R/cryptoKeys/K; empty is the bucket's own, or
	// Google's.
	KMSKey string
	// Logs is how logs are written and bounded; see objects.Config.
	Logs logs.Config
}

const want = "gs://BUCKET/PREFIX?kms_key=KEY, where all but the bucket may be left out"

// ParseURL reads a configuration from a URL such as gs://bucket/prefix. Its parameters are
// kms_key and max_size.
func ParseURL(raw string) (Config, error) {
	l, err := objects.ParseURL(raw, "gs", want, "kms_key")
	if err != nil {
		return Config{}, err
	}
	return Config{Bucket: l.Host, Prefix: l.Path, KMSKey: l.Values.Get("kms_key"), Logs: logs.Config{MaxSize: l.MaxSize}}, nil
}

// Open returns the logs in a bucket, by a client that the caller closes when they are not
// used any more. Several processes may use the bucket at once. Nothing is asked of the
// service before the first log.
func Open(client *storage.Client, c Config) (*logs.Logs, error) {
	b, err := OpenBucket(client, c)
	if err != nil {
		return nil, err
	}
	return objects.Open(b, objects.Config{Prefix: c.Prefix, Logs: c.Logs})
}

// OpenBucket returns the bucket itself, for what else is kept in it.
func OpenBucket(client *storage.Client, c Config) (objects.Bucket, error) {
	if c.Bucket == "" {
		return nil, errors.New("open a bucket of Google Cloud Storage: name it: " + want)
	}
	if err := objects.CheckPrefix(c.Prefix); err != nil {
		return nil, fmt.Errorf("open the bucket gs://%s: %w", c.Bucket, err)
	}
	// An object is written whole, so that doing it twice is doing it once; and what a
	// condition refuses the second time is looked at by who set it.
	handle := client.Bucket(c.Bucket).Retryer(storage.WithPolicy(storage.RetryAlways), storage.WithMaxAttempts(maxTries))
	return &bucket{handle: handle, name: c.Bucket, key: c.KMSKey}, nil
}

// maxTries is how often the client tries a call. Without a bound it tries until its context
// ends, and logs outlive theirs; they wait, and are tried again.
const maxTries = 5
