// Package s3logs keeps the logs of attempts in a bucket of Amazon S3. How they are laid out
// is the matter of package objects.
package s3logs

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
)

// Config says where the logs are, and how they are kept.
type Config struct {
	// Bucket is there already. Prefix is what all keys begin with; it may be empty.
	Bucket, Prefix string
	// Region is that of the bucket; empty is the configuration's.
	Region string
	// SSE is how objects are encrypted: AES256, aws:kms or aws:kms:dsse; empty leaves it to
	// the bucket, which encrypts with AES256 unless it says otherwise.
	SSE string
	// KMSKey is the id or ARN of the key for aws:kms; empty is the account's for S3.
	KMSKey string
	// Logs is how logs are written and bounded; see objects.Config.
	Logs logs.Config
}

const want = "s3://BUCKET/PREFIX?region=REGION&sse=aws:kms&kms_key=KEY, where all but the bucket may be left out"

// ParseURL reads a configuration from a URL such as s3://bucket/prefix?region=eu-west-1.
// Its parameters are region, sse, kms_key and max_size.
func ParseURL(raw string) (Config, error) {
	l, err := objects.ParseURL(raw, "s3", want, "region", "sse", "kms_key")
	if err != nil {
		return Config{}, err
	}
	c := Config{
		Bucket: l.Host, Prefix: l.Path, Region: l.Values.Get("region"), SSE: l.Values.Get("sse"), KMSKey: l.Values.Get("kms_key"),
		Logs: logs.Config{MaxSize: l.MaxSize},
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("logs %q: %w", raw, err)
	}
	return c, nil
}

func (c *Config) check() error {
	if c.Bucket == "" {
		return errors.New("name a bucket: " + want)
	}
	kms := c.SSE == string(types.ServerSideEncryptionAwsKms) || c.SSE == string(types.ServerSideEncryptionAwsKmsDsse)
	if !kms && !slices.Contains([]string{"", string(types.ServerSideEncryptionAes256)}, c.SSE) {
		return fmt.Errorf("sse is %q: use AES256, aws:kms or aws:kms:dsse, or leave it to the bucket", c.SSE)
	}
	if c.KMSKey != "" && !kms {
		return fmt.Errorf("kms_key is %q without a use for it: add sse=aws:kms", c.KMSKey)
	}
	return objects.CheckPrefix(c.Prefix)
}

// Open returns the logs in a bucket. Several processes may use it at once. Nothing is asked
// of S3 before the first log.
func Open(cfg aws.Config, c Config) (*logs.Logs, error) {
	b, err := OpenBucket(cfg, c)
	if err != nil {
		return nil, err
	}
	return objects.Open(b, objects.Config{Prefix: c.Prefix, Logs: c.Logs})
}

// OpenBucket returns the bucket itself, for what else is kept in it.
func OpenBucket(cfg aws.Config, c Config) (objects.Bucket, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("open a bucket of S3: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if c.Region != "" {
			o.Region = c.Region
		}
		// What is not Amazon's own has one name for all buckets.
		o.UsePathStyle = o.BaseEndpoint != nil
	})
	b := &bucket{client: client, name: c.Bucket, sse: types.ServerSideEncryption(c.SSE)}
	if c.KMSKey != "" {
		b.key = &c.KMSKey
	}
	return b, nil
}
