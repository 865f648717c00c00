package s3_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/s3"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/task"
)

const (
	operators = "airflow.providers.amazon.aws.operators.s3."
	sensors   = "airflow.providers.amazon.aws.sensors.s3."
)

func run(t *testing.T, o *operatortest.Harness, class string, args map[string]any) (task.Result, error) {
	t.Helper()
	return o.Run(t.Context(), operatortest.Find(t, s3.Operators(), class), args)
}

// listing is a page of keys.
func listing(keys ...string) string {
	var b strings.Builder
	b.WriteString("<ListBucketResult><IsTruncated>false</IsTruncated>")
	for i, k := range keys {
		fmt.Fprintf(&b, "<Contents><Key>%s</Key><Size>%d</Size><LastModified>2024-05-0%dT00:00:00Z</LastModified></Contents>", k, 10*(i+1), i+1)
	}
	b.WriteString("</ListBucketResult>")
	return b.String()
}

// holding is a bucket b with these keys; other buckets do not exist.
func holding(keys ...string) func(awstest.Call) awstest.Answer {
	return func(c awstest.Call) awstest.Answer {
		method, uri, _ := strings.Cut(c.Operation, " ")
		path, query, _ := strings.Cut(uri, "?")
		bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		switch {
		case bucket != "b":
			return awstest.Answer{Status: http.StatusNotFound, Body: "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"}
		case method == http.MethodGet && strings.Contains(query, "list-type=2"):
			var found []string
			for _, k := range keys {
				if _, prefix, _ := strings.Cut(query, "prefix="); strings.HasPrefix(k, strings.Split(strings.ReplaceAll(prefix, "%2F", "/"), "&")[0]) {
					found = append(found, k)
				}
			}
			return awstest.Answer{Body: listing(found...)}
		case method == http.MethodHead && key != "":
			for i, k := range keys {
				if k == key {
					return awstest.Answer{Header: map[string]string{"Content-Length": fmt.Sprint(10 * (i + 1)), "Etag": `"e"`}}
				}
			}
			return awstest.Answer{Status: http.StatusNotFound}
		case method == http.MethodPost:
			return awstest.Answer{Body: "<DeleteResult></DeleteResult>"}
		case strings.Contains(c.Header.Get("X-Amz-Copy-Source"), "/"):
			return awstest.Answer{Body: "<CopyObjectResult></CopyObjectResult>"}
		}
		return awstest.Answer{Body: ""}
	}
}

func TestAsked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, class string
		args        map[string]any
		want        string
		asked       string
		value       any
	}{
		{name: "bucket is there", class: "S3CreateBucketOperator", args: map[string]any{"bucket_name": "b"}, want: "success", asked: "HEAD /b"},
		{name: "bucket is not there", class: "S3DeleteBucketOperator", args: map[string]any{"bucket_name": "x"}, want: "success", asked: "HEAD /x"},
		{name: "emptied", class: "S3DeleteBucketOperator", args: map[string]any{"bucket_name": "b", "force_delete": true}, want: "success", asked: "HEAD /b GET /b?list-type=2&prefix= POST /b?delete= DELETE /b"},
		{name: "created", class: "S3CreateObjectOperator", args: map[string]any{"s3_key": "s3://b/new", "data": "x"}, want: "success", asked: "HEAD /b/new PUT /b/new?x-id=PutObject"},
		{name: "exists", class: "S3CreateObjectOperator", args: map[string]any{"s3_bucket": "b", "s3_key": "a/1", "data": "x"}, want: "failed: the key s3://b/a/1 already exists: set replace to write over it", asked: "HEAD /b/a/1"},
		{name: "replaced", class: "S3CreateObjectOperator", args: map[string]any{"s3_bucket": "b", "s3_key": "a/1", "data": "x", "replace": true}, want: "success", asked: "PUT /b/a/1?x-id=PutObject"},
		{name: "no bucket", class: "S3CreateObjectOperator", args: map[string]any{"s3_key": "s3://x/k", "data": "x", "replace": true},
			want: "failed (config, 0): write s3://x/k: NoSuchBucket: The specified bucket does not exist: check the name, the region (eu-west-1) and the account of AWS connection aws_default", asked: "PUT /x/k?x-id=PutObject"},
		{name: "copied", class: "S3CopyObjectOperator", args: map[string]any{"source_bucket_key": "s3://b/a/ü 1+", "dest_bucket_name": "b", "dest_bucket_key": "k"}, want: "success", asked: "PUT /b/k?x-id=CopyObject"},
		{name: "listed", class: "S3ListOperator", args: map[string]any{"bucket": "b", "prefix": "a/"}, want: "success", asked: "GET /b?delimiter=&list-type=2&prefix=a%2F", value: []any{"a/1", "a/2"}},
		{name: "wildcard", class: "S3ListOperator", args: map[string]any{"bucket": "b", "prefix": "*2", "apply_wildcard": true}, want: "success", asked: "GET /b?delimiter=&list-type=2&prefix=", value: []any{"a/2"}},
		{name: "nothing listed", class: "S3ListOperator", args: map[string]any{"bucket": "b", "prefix": "z"}, want: "success", asked: "GET /b?delimiter=&list-type=2&prefix=z", value: []any{}},
		{name: "deleted", class: "S3DeleteObjectsOperator", args: map[string]any{"bucket": "b", "keys": "a/1"}, want: "success", asked: "POST /b?delete="},
		{name: "deleted by time", class: "S3DeleteObjectsOperator", args: map[string]any{"bucket": "b", "from_datetime": "2024-05-02", "to_datetime": time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)}, want: "success", asked: "GET /b?list-type=2&prefix= POST /b?delete="},
		{name: "deleted nothing", class: "S3DeleteObjectsOperator", args: map[string]any{"bucket": "b", "keys": []any{}}, want: "success"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, s := awstest.Serve(t, holding("a/1", "a/2", "c"))
			res, err := run(t, o, operators+tt.class, tt.args)
			if got := operatortest.Outcome(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if d := cmp.Diff(tt.asked, s.Operations()); d != "" {
				t.Errorf("asked (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.value, res.Value); d != "" {
				t.Errorf("value (-want +got):\n%s", d)
			}
			if tt.name == "deleted by time" && !strings.Contains(s.Calls()[1].Raw, "<Object><Key>a/2</Key></Object><Quiet>") {
				t.Errorf("deleted %s", s.Calls()[1].Raw)
			}
			if h := s.Calls(); tt.name == "copied" && (h[0].Header.Get("X-Amz-Copy-Source") != "b/a/%C3%BC%201%2B" || h[0].Header.Get("X-Amz-Acl") != "private") {
				t.Errorf("copied by %v", h[0].Header)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		class string
		args  map[string]any
		want  string
	}{
		{operators + "S3CreateBucketOperator", map[string]any{"bucket_name": ""}, "argument bucket_name is empty: name a bucket"},
		{operators + "S3CreateObjectOperator", map[string]any{"s3_key": "k", "data": ""}, `argument s3_key: "k" is no s3://bucket/key (or set s3_bucket)`},
		{operators + "S3CreateObjectOperator", map[string]any{"s3_bucket": "b", "s3_key": "s3://b/k", "data": ""}, "argument s3_key is a URL: with s3_bucket write only the key"},
		{operators + "S3CreateObjectOperator", map[string]any{"s3_key": "s3://b/k", "data": "", "encoding": "klingon"}, `argument encoding is "klingon": no such encoding is known`},
		{operators + "S3CreateObjectOperator", map[string]any{"s3_key": "s3://b/k", "data": "", "compression": "zip"}, `argument compression is "zip": only gzip is known`},
		{operators + "S3CopyObjectOperator", map[string]any{"source_bucket_key": "s3://b/k", "dest_bucket_key": "s3://b/l", "kms_key_id": "k"}, "kms_key_id and kms_encryption_type must both be specified: only one was"},
		{operators + "S3DeleteObjectsOperator", map[string]any{"bucket": "b"}, "either keys or at least one of prefix, from_datetime, to_datetime should be set"},
		{operators + "S3DeleteObjectsOperator", map[string]any{"bucket": "b", "keys": "k", "prefix": "p"}, "either keys or at least one of prefix, from_datetime, to_datetime should be set"},
		{operators + "S3DeleteObjectsOperator", map[string]any{"bucket": "b", "from_datetime": "soon"}, "argument from_datetime is soon, not a time such as 2024-05-01T10:00:00+00:00"},
		{operators + "S3FileTransformOperator", map[string]any{"source_s3_key": "s3://b/k", "dest_s3_key": "s3://b/l", "select_expression": "x"}, "select_expression: AWS does not offer S3 Select to new users any more: filter in transform_script"},
		{operators + "S3FileTransformOperator", map[string]any{"source_s3_key": "s3://b/k", "dest_s3_key": "s3://b/l"}, "transform_script is missing: name a program"},
		{operators + "S3FileTransformOperator", map[string]any{"source_s3_key": "k", "dest_s3_key": "s3://b/l", "transform_script": "x"}, `argument source_s3_key: "k" is no s3://bucket/key`},
		{sensors + "S3KeySensor", map[string]any{"bucket_key": []any{}}, "argument bucket_key is empty: name a key"},
		{sensors + "S3KeySensor", map[string]any{"bucket_key": "(", "bucket_name": "b", "use_regex": true}, "argument bucket_key: error parsing regexp: missing closing ): `\\A(?:()`"},
		{sensors + "S3KeysUnchangedSensor", map[string]any{"bucket_name": "b", "prefix": "p", "inactivity_period": -1}, "inactivity_period must be non-negative"},
		{sensors + "S3KeysUnchangedSensor", map[string]any{"bucket_name": "b", "prefix": "p", "mode": "reschedule"}, "mode is reschedule: this sensor has to keep its slot, use poke"},
	}
	for _, tt := range tests {
		o, s := awstest.Serve(t, holding())
		_, err := run(t, o, tt.class, tt.args)
		if got, want := operatortest.Outcome(err), "fatal (config): "+tt.want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if asked := s.Operations(); asked != "" {
			t.Errorf("%s: asked %s", tt.want, asked)
		}
	}
}

func TestKeySensor(t *testing.T) {
	t.Parallel()
	again := "reschedule: 2024-05-02T00:01:00Z"
	check := dag.Callable{Path: "m.f"}
	tests := []struct {
		name  string
		args  map[string]any
		truth bool // of check_fn
		want  string
		files any // what check_fn got
	}{
		{name: "there", args: map[string]any{"bucket_key": "a/1"}, want: "success"},
		{name: "all there", args: map[string]any{"bucket_key": []any{"a/1", "c"}}, want: "success"},
		{name: "one is not", args: map[string]any{"bucket_key": []any{"a/1", "d"}}, want: again},
		{name: "by URL", args: map[string]any{"bucket_key": "s3://b/c", "bucket_name": nil}, want: "success"},
		{name: "wildcard", args: map[string]any{"bucket_key": "a/[2-3]", "wildcard_match": true}, want: "success"},
		{name: "no wildcard", args: map[string]any{"bucket_key": "x*", "wildcard_match": true}, want: again},
		{name: "expression", args: map[string]any{"bucket_key": `a/\d`, "use_regex": true}, want: "success"},
		{name: "expression from the beginning", args: map[string]any{"bucket_key": `\d`, "use_regex": true}, want: again},
		{name: "checked", args: map[string]any{"bucket_key": "a/2", "check_fn": check}, truth: true, want: "success", files: []any{map[string]any{"Size": int64(20), "Key": nil}}},
		{name: "found wanting", args: map[string]any{"bucket_key": "a/2", "check_fn": check}, want: again, files: []any{map[string]any{"Size": int64(20), "Key": nil}}},
		{name: "checked list", args: map[string]any{"bucket_key": "a/*", "wildcard_match": true, "check_fn": check, "metadata_keys": []any{"Key", "Size", "ETag"}}, truth: true, want: "success",
			files: []any{map[string]any{"Key": "a/1", "Size": int64(10), "ETag": ""}, map[string]any{"Key": "a/2", "Size": int64(20), "ETag": ""}}},
		{name: "asked for more", args: map[string]any{"bucket_key": "c*", "wildcard_match": true, "check_fn": check, "metadata_keys": "ContentLength"}, truth: true, want: "success",
			files: []any{map[string]any{"ContentLength": int64(30)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, _ := awstest.Serve(t, holding("a/1", "a/2", "c"))
			o.Now = func() time.Time { return time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC) }
			p := &operatortest.Python{Done: tt.truth, Value: json.RawMessage("true")}
			o.Python = p
			args := map[string]any{"bucket_name": "b", "mode": "reschedule"}
			for k, v := range tt.args {
				args[k] = v
			}
			_, err := run(t, o, sensors+"S3KeySensor", args)
			if got := operatortest.Outcome(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			var files any
			if len(p.Calls) > 0 {
				files = p.Calls[0].Args[0]
			}
			if d := cmp.Diff(tt.files, files); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
		})
	}
}

// The sensor keeps looking, and counts from the last change.
func TestKeysUnchangedSensor(t *testing.T) {
	t.Parallel()
	o, s := awstest.Serve(t, holding("a/1", "a/2"))
	now := time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { now = now.Add(time.Second); return now }
	_, err := run(t, o, sensors+"S3KeysUnchangedSensor", map[string]any{
		"bucket_name": "b", "prefix": "a/", "inactivity_period": 5.0, "min_objects": 2, "poke_interval": 0, "deferrable": true,
	})
	if got := operatortest.Outcome(err); got != "success" {
		t.Errorf("got %s", got)
	}
	if looks := len(s.Calls()); looks < 2 || !strings.Contains(o.Log(), "s3://b/a/ has 2 objects, and nothing has changed for 5s") {
		t.Errorf("after %d looks: %s", looks, o.Log())
	}
}

func TestTransform(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ script, want, wrote string }{
		{"tr a-z A-Z <\"$1\" >\"$2\"; printf %s \"$3\" >>\"$2\"; echo worked", "success", "CONTENT!"},
		{"exit 3", "failed (task, 3): transform_script: ", ""},
		{`rm "$2"`, "failed: transform_script has removed the file that its second argument names", ""},
	} {
		o, s := awstest.Serve(t, func(c awstest.Call) awstest.Answer {
			switch {
			case strings.HasPrefix(c.Operation, "GET /b/in"):
				return awstest.Answer{Body: "content"}
			case strings.HasPrefix(c.Operation, "HEAD"):
				return awstest.Answer{Status: http.StatusNotFound}
			}
			return awstest.Answer{Body: ""}
		})
		script := filepath.Join(o.Dir, "script")
		operatortest.Script(t, script, "#!/bin/sh\n"+tt.script+"\n")
		_, err := run(t, o, operators+"S3FileTransformOperator", map[string]any{
			"source_s3_key": "s3://b/in", "dest_s3_key": "s3://b/out", "transform_script": script, "script_args": []any{"!"},
		})
		if got := operatortest.Outcome(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.script, got, tt.want)
		}
		wrote := ""
		for _, c := range s.Calls() {
			if strings.HasPrefix(c.Operation, "PUT /b/out") {
				wrote = c.Raw
			}
		}
		if !strings.Contains(wrote, tt.wrote) || (wrote == "") != (tt.wrote == "") {
			t.Errorf("%s: wrote %q, want %q", tt.script, wrote, tt.wrote)
		}
	}
}
