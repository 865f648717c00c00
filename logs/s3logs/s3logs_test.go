package s3logs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url  string
		want Config
		err  string
	}{
		{url: "s3://b", want: Config{Bucket: "b"}},
		{url: "s3://b/", want: Config{Bucket: "b"}},
		{url: "s3://b/team/logs/?region=eu-west-1&max_size=1000", want: Config{Bucket: "b", Prefix: "team/logs", Region: "eu-west-1", Logs: logs.Config{MaxSize: 1000}}},
		{url: "s3://b?sse=aws:kms&kms_key=arn:aws:kms:eu-west-1:1:key/2", want: Config{Bucket: "b", SSE: "aws:kms", KMSKey: "arn:aws:kms:eu-west-1:1:key/2"}},
		{url: "s3:///p", err: `logs "s3:///p": want s3://BUCKET/PREFIX`},
		{url: "b/p", err: `logs "b/p": want s3://BUCKET/PREFIX`},
		{url: "s3://key:secret@b", err: "want s3://BUCKET/PREFIX"},
		{url: "s3://b?sse=yes", err: `sse is "yes": use AES256, aws:kms or aws:kms:dsse`},
		{url: "s3://b?kms_key=k", err: `kms_key is "k" without a use for it: add sse=aws:kms`},
		{url: "s3://b?zone=x", err: `has an unknown parameter "zone": use region, sse, kms_key, max_size`},
		{url: "s3://b?max_size=1G", err: `max_size is "1G": use a number of bytes`},
		{url: "s3://b/a//b", err: `the prefix "a//b" has an empty part, or . or ..: use a path like team/logs`},
		{url: "s3://b/" + strings.Repeat("x", 201), err: "has 201 bytes, at most 200 are possible"},
		{url: "s3://b/%00", err: "has characters that cannot be printed"},
		{url: "s3://b?%zz", err: `invalid URL escape "%zz"`},
	} {
		got, err := ParseURL(tt.url)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got error %v, want %s", tt.url, err, tt.err)
			}
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tt.url, err, d)
		}
	}
}

// answering is a bucket of a server that always gives the same answer.
func answering(t *testing.T, c Config, answer http.HandlerFunc) objects.Bucket {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	b, err := OpenBucket(aws.Config{
		Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""), RetryMaxAttempts: 1,
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestErrors: what S3 answers when something is wrong with the bucket or the credentials,
// as its documentation of error responses has it.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		code   string
		header string // X-Amz-Bucket-Region
		want   error
		says   string
	}{
		{404, "NoSuchBucket", "", objects.ErrNoBucket, "s3://logs-b: bucket not found: create it, or correct its name in the URL of logs"},
		{404, "NoSuchKey", "", objects.ErrNotFound, ""},
		{412, "PreconditionFailed", "", objects.ErrCondition, ""},
		{409, "ConditionalRequestConflict", "", objects.ErrCondition, ""},
		{301, "PermanentRedirect", "eu-west-1", objects.ErrNoBucket, "it is in region eu-west-1: add region=eu-west-1 to the URL of logs"},
		{400, "AuthorizationHeaderMalformed", "", objects.ErrNoBucket, "it is in another region: add region=REGION"},
		{403, "AccessDenied", "", objects.ErrDenied, "s3:ListBucket on arn:aws:s3:::logs-b, and kms:GenerateDataKey"},
		{400, "ExpiredToken", "", objects.ErrDenied, "s3://logs-b: access denied: sign in again"},
		{403, "InvalidAccessKeyId", "", objects.ErrDenied, "sign in again"},
		{403, "SignatureDoesNotMatch", "", objects.ErrDenied, "sign in again"},
		{503, "SlowDown", "", objects.ErrBusy, "s3://logs-b: the service asks to slow down"},
		{500, "InternalError", "", nil, "s3://logs-b: service unavailable"},
	} {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			b := answering(t, Config{Bucket: "logs-b", SSE: "aws:kms"}, func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("X-Amz-Bucket-Region", tt.header)
				}
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `<Error><Code>%s</Code><Message>as said</Message></Error>`, tt.code)
			})
			_, list := b.List(t.Context(), "", "")
			_, get := b.Get(t.Context(), "k", make([]byte, 1), 0)
			for _, err := range []error{list, get, b.Put(t.Context(), objects.Put{Key: "k"}), b.Delete(t.Context(), "k")} {
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got error %v, want %v that says %q", err, tt.want, tt.says)
				}
			}
		})
	}
}

// TestHeadErrors: the answers to a HEAD have nothing but a status.
func TestHeadErrors(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{404: objects.ErrNotFound, 403: objects.ErrDenied, 301: objects.ErrNoBucket, 400: objects.ErrNoBucket, 429: objects.ErrBusy} {
		b := answering(t, Config{Bucket: "b"}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
			w.WriteHeader(status)
		})
		if _, err := b.Head(t.Context(), "k"); !errors.Is(err, want) {
			t.Errorf("%d: got error %v, want %v", status, err, want)
		}
	}
}

// TestDeleteErrors: of several objects, one is not deleted.
func TestDeleteErrors(t *testing.T) {
	t.Parallel()
	b := answering(t, Config{Bucket: "b"}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`)
	})
	if err := b.Delete(t.Context(), "j", "k"); !errors.Is(err, objects.ErrDenied) || !strings.Contains(err.Error(), "delete k") {
		t.Errorf("got error %v", err)
	}
}

// TestEncryption: what is set is asked for with every object.
func TestEncryption(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    Config
		want []string // algorithm, key, bucket key
	}{
		{Config{Bucket: "b"}, []string{"", "", ""}},
		{Config{Bucket: "b", SSE: "AES256"}, []string{"AES256", "", ""}},
		{Config{Bucket: "b", SSE: "aws:kms", KMSKey: "k"}, []string{"aws:kms", "k", "true"}},
		{Config{Bucket: "b", SSE: "aws:kms:dsse"}, []string{"aws:kms:dsse", "", ""}},
	} {
		var got []string
		b := answering(t, tt.c, func(_ http.ResponseWriter, r *http.Request) {
			const h = "X-Amz-Server-Side-Encryption"
			got = []string{r.Header.Get(h), r.Header.Get(h + "-Aws-Kms-Key-Id"), r.Header.Get(h + "-Bucket-Key-Enabled")}
		})
		if err := b.Put(t.Context(), objects.Put{Key: "k", Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.c, d)
		}
	}
}

// TestBodyCutOff: half an answer is an error, and no short object.
func TestBodyCutOff(t *testing.T) {
	t.Parallel()
	b := answering(t, Config{Bucket: "b"}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "12345")
	})
	if n, err := b.Get(t.Context(), "k", make([]byte, 100), 0); err == nil {
		t.Errorf("got %d bytes and no error", n)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	if _, err := Open(aws.Config{}, Config{}); err == nil || !strings.Contains(err.Error(), "name a bucket: s3://BUCKET") {
		t.Errorf("got error %v", err)
	}
	l, err := Open(aws.Config{Region: "us-east-1"}, Config{Bucket: "b", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.List(ctx, logs.Scope{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
}

// TestGetReadsToTheEnd: whoever is between us and S3 may leave the length away, or end the
// connection, which is no end of an object.
func TestGetReadsToTheEnd(t *testing.T) {
	t.Parallel()
	const text = "the whole of it"
	for name, tt := range map[string]struct {
		lost  int // answers that end too early
		error bool
	}{"no length": {0, false}, "lost twice": {2, false}, "lost always": {100, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			b := answering(t, Config{Bucket: "b"}, func(w http.ResponseWriter, _ *http.Request) {
				if calls++; calls <= tt.lost {
					w.Header().Set("Content-Length", fmt.Sprint(len(text)))
					fmt.Fprint(w, text[:5])
					return
				}
				w.WriteHeader(http.StatusPartialContent)
				w.(http.Flusher).Flush() // without a length, then
				fmt.Fprint(w, text)
			})
			got := make([]byte, 100)
			n, err := b.Get(t.Context(), "k", got, 0)
			if (err != nil) != tt.error || err == nil && string(got[:n]) != text {
				t.Errorf("got %q, %v", got[:n], err)
			}
		})
	}
}
