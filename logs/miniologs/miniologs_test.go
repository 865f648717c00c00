package miniologs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"

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
		{url: "minio://127.0.0.1:9000/b", want: Config{Endpoint: "127.0.0.1:9000", Bucket: "b"}},
		{
			url:  "minio://minio/b/team/logs?secure=false&region=home&max_size=10",
			want: Config{Endpoint: "minio", Bucket: "b", Prefix: "team/logs", Insecure: true, Region: "home", Logs: logs.Config{MaxSize: 10}},
		},
		{url: "minio://m/b?sse=aws:kms&kms_key=k&secure=true", want: Config{Endpoint: "m", Bucket: "b", SSE: "aws:kms", KMSKey: "k"}},
		{url: "minio://m", err: "name a server and a bucket: minio://HOST:PORT/BUCKET/PREFIX"},
		{url: "s3://b", err: `logs "s3://b": want minio://HOST:PORT/BUCKET/PREFIX`},
		{url: "minio://m/b?secure=maybe", err: `secure is "maybe": use true for https and false for http`},
		{url: "minio://m/b?sse=aws:kms", err: `sse is "aws:kms" and kms_key "": use sse=AES256, or sse=aws:kms&kms_key=NAME, or neither`},
		{url: "minio://m/b?key=k", err: `has an unknown parameter "key": use secure, region, sse, kms_key, max_size`},
		{url: "minio://m/b/../c", err: "has an empty part, or . or .."},
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

func TestOpenWithoutKeys(t *testing.T) {
	t.Parallel()
	if _, err := Open(Config{Endpoint: "m", Bucket: "b"}); err == nil || !strings.Contains(err.Error(), "set MINIO_ACCESS_KEY and MINIO_SECRET_KEY") {
		t.Errorf("got error %v", err)
	}
}

// answering is a bucket of a server that always gives the same answer.
func answering(t *testing.T, c Config, answer http.HandlerFunc) objects.Bucket {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	c.Endpoint, c.Insecure, c.Bucket, c.AccessKey, c.SecretKey = strings.TrimPrefix(srv.URL, "http://"), true, "logs-b", "key", "secretsecret"
	b, err := OpenBucket(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestErrors: what servers answer when something is wrong with the bucket or the keys.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		code   string
		want   error
		says   string
	}{
		{404, "NoSuchBucket", objects.ErrNoBucket, "/logs-b: bucket not found: create it (mc mb), or correct its name in the URL of logs"},
		{404, "NoSuchKey", objects.ErrNotFound, ""},
		{412, "PreconditionFailed", objects.ErrCondition, ""},
		{403, "AccessDenied", objects.ErrDenied, "let the user of MINIO_ACCESS_KEY do s3:GetObject"},
		{403, "InvalidAccessKeyId", objects.ErrDenied, "check MINIO_ACCESS_KEY, MINIO_SECRET_KEY"},
		{403, "SignatureDoesNotMatch", objects.ErrDenied, "check MINIO_ACCESS_KEY, MINIO_SECRET_KEY"},
		{403, "RequestTimeTooSkewed", objects.ErrDenied, "check MINIO_ACCESS_KEY, MINIO_SECRET_KEY"},
		{400, "AuthorizationHeaderMalformed", objects.ErrNoBucket, "it is in another region: add region=REGION"},
		{400, "EntityTooLarge", nil, "/logs-b: "},
	} {
		t.Run(tt.code, func(t *testing.T) {
			t.Parallel()
			b := answering(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `<Error><Code>%s</Code><Message>as said</Message></Error>`, tt.code)
			})
			_, list := b.List(t.Context(), "", "")
			_, get := b.Get(t.Context(), "k", make([]byte, 1), 0)
			for _, err := range []error{list, get, b.Put(t.Context(), objects.Put{Key: "k"})} {
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got error %v, want %v that says %q", err, tt.want, tt.says)
				}
			}
		})
	}
}

// response is what the client makes of an answer.
func response(code string, status int) error {
	return minio.ErrorResponse{Code: code, StatusCode: status}
}

// TestSlowDown: the client tries again, and says so if that does not help.
func TestSlowDown(t *testing.T) {
	t.Parallel()
	b := &bucket{name: "b", endpoint: "m"}
	calls := 0
	busy := answering(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls < 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `<Error><Code>SlowDown</Code></Error>`)
		}
	})
	if err := busy.Put(t.Context(), objects.Put{Key: "k"}); err != nil || calls != 2 {
		t.Errorf("got %v after %d calls", err, calls)
	}
	for _, code := range []string{"SlowDown", "SlowDownWrite", ""} {
		err := b.explain(response(code, http.StatusServiceUnavailable))
		if !errors.Is(err, objects.ErrBusy) || !strings.Contains(err.Error(), "minio://m/b: the service asks to slow down") {
			t.Errorf("%q: got error %v", code, err)
		}
	}
}

// TestEncryption: what is set is asked for with every object.
func TestEncryption(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    Config
		want []string
	}{
		{Config{}, []string{"", ""}},
		{Config{SSE: "AES256"}, []string{"AES256", ""}},
		{Config{SSE: "aws:kms", KMSKey: "k"}, []string{"aws:kms", "k"}},
	} {
		var got []string
		b := answering(t, tt.c, func(_ http.ResponseWriter, r *http.Request) {
			const h = "X-Amz-Server-Side-Encryption"
			got = []string{r.Header.Get(h), r.Header.Get(h + "-Aws-Kms-Key-Id")}
		})
		if err := b.Put(t.Context(), objects.Put{Key: "k", Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.c, d)
		}
	}
}
