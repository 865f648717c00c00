package gcslogs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"

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
		{url: "gs://b", want: Config{Bucket: "b"}},
		{
			url:  "gs://b/team/logs?kms_key=projects/p/locations/l/keyRings/r/cryptoKeys/k&max_size=10",
			want: Config{Bucket: "b", Prefix: "team/logs", KMSKey: "projects/p/locations/l/keyRings/r/cryptoKeys/k", Logs: logs.Config{MaxSize: 10}},
		},
		{url: "gcs://b", err: `logs "gcs://b": want gs://BUCKET/PREFIX`},
		{url: "gs://b?region=x", err: `has an unknown parameter "region": use kms_key, max_size`},
		{url: "gs://b/./c", err: "has an empty part, or . or .."},
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
	client, err := storage.NewClient(t.Context(), option.WithEndpoint(srv.URL+"/storage/v1/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	b, err := OpenBucket(client, c)
	if err != nil {
		t.Fatal(err)
	}
	// One try is enough to see what becomes of an answer.
	b.(*bucket).handle = b.(*bucket).handle.Retryer(storage.WithPolicy(storage.RetryNever))
	return b
}

// TestErrors: what the service answers when something is wrong with the bucket or the
// credentials.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status    int
		want, put error
		says      string
	}{
		{404, objects.ErrNotFound, objects.ErrNoBucket, ""},
		{412, objects.ErrCondition, objects.ErrCondition, ""},
		{401, objects.ErrDenied, objects.ErrDenied, "gs://logs-b: access denied: sign in again (gcloud auth application-default login)"},
		{403, objects.ErrDenied, objects.ErrDenied, "gs://logs-b: access denied: give the account the role Storage Object User (roles/storage.objectUser) on it, and the storage service agent the role Cloud KMS"},
		{429, objects.ErrBusy, objects.ErrBusy, "gs://logs-b: the service asks to slow down"},
		{503, objects.ErrBusy, objects.ErrBusy, "gs://logs-b: the service asks to slow down"},
		{400, nil, nil, "gs://logs-b: "},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			t.Parallel()
			b := answering(t, Config{Bucket: "logs-b", KMSKey: "key"}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `{"error": {"code": %d, "message": "as said"}}`, tt.status)
			})
			check := func(what string, err, want error) {
				t.Helper()
				if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%s: got error %v, want %v that says %q", what, err, want, tt.says)
				}
			}
			_, err := b.Head(t.Context(), "k")
			check("Head", err, tt.want)
			_, err = b.Get(t.Context(), "k", make([]byte, 1), 0)
			check("Get", err, tt.want)
			_, err = b.List(t.Context(), "", "")
			check("List", err, tt.put)
			check("Put", b.Put(t.Context(), objects.Put{Key: "k", Body: []byte("x")}), tt.put)
		})
	}
}

// TestExpiredCredentials: a token that cannot be had any more.
func TestExpiredCredentials(t *testing.T) {
	t.Parallel()
	b := &bucket{name: "b"}
	err := b.explain(fmt.Errorf("get a token: %w", &oauth2.RetrieveError{ErrorCode: "invalid_grant", Response: &http.Response{Status: "400"}}))
	if !errors.Is(err, objects.ErrDenied) || !strings.Contains(err.Error(), "gs://b: access denied: sign in again") {
		t.Errorf("got error %v", err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	if _, err := Open(nil, Config{}); err == nil || !strings.Contains(err.Error(), "name it: gs://BUCKET") {
		t.Errorf("got error %v", err)
	}
}
