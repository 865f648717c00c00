//go:build emulator

package s3_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/s3"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

// A bucket from its creation to its end, on a real server.
func TestOnEmulator(t *testing.T) {
	t.Parallel()
	o := awstest.Emulator(t)
	bucket := awstest.Unique(t, "operators")
	do := func(class string, args map[string]any) any {
		t.Helper()
		res, err := run(t, o, class, args)
		if err != nil {
			t.Fatalf("%s: %v", class, err)
		}
		return res.Value
	}
	do(operators+"S3CreateBucketOperator", map[string]any{"bucket_name": bucket})
	t.Cleanup(func() {
		// The test's context has ended.
		_, err := o.Run(context.WithoutCancel(t.Context()), operatortest.Find(t, s3.Operators(), operators+"S3DeleteBucketOperator"), map[string]any{"bucket_name": bucket, "force_delete": true})
		if err != nil {
			t.Error(err)
		}
	})
	do(operators+"S3CreateBucketOperator", map[string]any{"bucket_name": bucket})
	for _, key := range []string{"in/a.txt", "in/sub/b c+ü.txt"} {
		do(operators+"S3CreateObjectOperator", map[string]any{"s3_bucket": bucket, "s3_key": key, "data": "text of " + key, "encrypt": true})
	}
	do(operators+"S3CopyObjectOperator", map[string]any{"source_bucket_name": bucket, "source_bucket_key": "in/sub/b c+ü.txt", "dest_bucket_key": "s3://" + bucket + "/copy.txt"})
	script := filepath.Join(t.TempDir(), "upper")
	operatortest.Script(t, script, "#!/bin/sh\ntr a-z A-Z <\"$1\" >\"$2\"; printf %s \"$3\" >>\"$2\"; echo done\n")
	do(operators+"S3FileTransformOperator", map[string]any{
		"source_s3_key": "s3://" + bucket + "/in/a.txt", "dest_s3_key": "s3://" + bucket + "/upper.txt", "transform_script": script, "script_args": []any{"!"},
	})
	if d := cmp.Diff([]any{"copy.txt", "in/a.txt", "in/sub/b c+ü.txt", "upper.txt"}, do(operators+"S3ListOperator", map[string]any{"bucket": bucket})); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]any{"in/sub/"}, do(operators+"S3ListPrefixesOperator", map[string]any{"bucket": bucket, "prefix": "in/", "delimiter": "/"})); d != "" {
		t.Errorf("prefixes (-want +got):\n%s", d)
	}
	do(sensors+"S3KeySensor", map[string]any{"bucket_name": bucket, "bucket_key": []any{"copy.txt", "in/*.txt"}, "wildcard_match": true})
	do(operators+"S3DeleteObjectsOperator", map[string]any{"bucket": bucket, "prefix": "in/"})
	if d := cmp.Diff([]any{"copy.txt", "upper.txt"}, do(operators+"S3ListOperator", map[string]any{"bucket": bucket})); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	_, err := run(t, o, operators+"S3ListOperator", map[string]any{"bucket": bucket + "-none"})
	if got := operatortest.Outcome(err); !strings.HasPrefix(got, "failed (config, 0): list bucket "+bucket+"-none: NoSuchBucket: ") {
		t.Errorf("an absent bucket: %s", got)
	}
	if !strings.Contains(o.Log(), "done\n") {
		t.Errorf("the log has not what the script wrote: %s", o.Log())
	}
}
