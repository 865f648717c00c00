package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
)

// answering returns a store whose server always gives the same answer, and the number of
// its requests.
func answering(t *testing.T, status int, body string) (*dynamostore.Store, *atomic.Int64) {
	t.Helper()
	n := new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	cfg := awsConfig()
	cfg.HTTPClient = srv.Client()
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.Backoff = 3, retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	s, err := dynamostore.Open(t.Context(), cfg, dynamostore.Config{Table: "updraft", Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return s, n
}

func failure(code, message string) string {
	return fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message)
}

// TestErrors: what somebody can do something about says so, and what the SDK tries again
// is not tried more often than it does.
func TestErrors(t *testing.T) {
	t.Parallel()
	id := run.ID{DAG: "d", Run: "r"}
	tests := []struct {
		name, code, message string
		want                string
		is                  error
		requests            int64
	}{
		{"no table", "ResourceNotFoundException", "Cannot do operations on a non-existent table", "deploy the stack", nil, 1},
		{"expired", "ExpiredTokenException", "The security token included in the request is expired", "aws sso login", nil, 1},
		{"bad keys", "UnrecognizedClientException", "The security token included in the request is invalid.", "check profile", nil, 1},
		{"bad clock", "InvalidSignatureException", "Signature expired", "the clock of this machine", nil, 1},
		{"not allowed", "AccessDeniedException", "not authorized to perform: dynamodb:GetItem", "the policy of the stack", nil, 1},
		{"throttled", "ThrottlingException", "Rate exceeded", "try again later", nil, 3},
		{"no throughput", "ProvisionedThroughputExceededException", "too high", "try again later", nil, 3},
		{"too large", "ValidationException", "Item size has exceeded the maximum allowed size", "400 KB", store.ErrTooLarge, 1},
		{"another", "ValidationException", "wrong", "wrong", nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, n := answering(t, http.StatusBadRequest, failure(tt.code, tt.message))
			_, err := s.Run(t.Context(), id)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "reading run d/r") {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v, want %v", err, tt.is)
			}
			if got := n.Load(); got != tt.requests {
				t.Errorf("%d requests were sent, want %d", got, tt.requests)
			}
		})
	}
}

// TestConflicts: transactions of others are waited for, not for ever.
func TestConflicts(t *testing.T) {
	t.Parallel()
	s, n := answering(t, http.StatusBadRequest, failure("TransactionConflictException", "Transaction is ongoing for the item"))
	err := s.PutSetting(t.Context(), store.KindVariable, store.Setting{ID: "a", Value: []byte("1")})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("error %v, want %v", err, store.ErrConflict)
	}
	if n.Load() < 5 {
		t.Errorf("%d trials, want several", n.Load())
	}
}

// TestNothingThere: an answer without items is no run.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	s, _ := answering(t, http.StatusOK, `{"Count":0,"ScannedCount":0,"Items":[]}`)
	if _, err := s.Run(t.Context(), run.ID{DAG: "d", Run: "r"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v, want %v", err, store.ErrNotFound)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Run(ctx, run.ID{DAG: "d", Run: "r"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]dynamostore.Config{
		"dynamodb://updraft":                                           {Table: "updraft"},
		"dynamodb://my_table.x-1?region=eu-x-1":                        {Table: "my_table.x-1", Region: "eu-x-1"},
		"dynamodb://t?region=r&endpoint=http%3A%2F%2F127.0.0.1%3A8000": {Table: "t", Region: "r", Endpoint: "http://127.0.0.1:8000"},
		"dynamodb://t?endpoint=http://127.0.0.1:8000":                  {Table: "t", Endpoint: "http://127.0.0.1:8000"},
	} {
		got, err := dynamostore.ParseURL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		got.Now, got.Consumed = nil, nil
		if got.Table != want.Table || got.Region != want.Region || got.Endpoint != want.Endpoint {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
	for _, text := range []string{"", "updraft", "sqlite://x", "dynamodb://", "dynamodb:///x", "dynamodb://t/x", "dynamodb://t?x=1",
		"dynamodb://u:p@t", "dynamodb://t#x", "dynamodb://t?region=%zz", "dynamodb://%zz"} {
		if cfg, err := dynamostore.ParseURL(text); err == nil {
			t.Errorf("%s was read as %+v", text, cfg)
		}
	}
	if _, err := dynamostore.Open(t.Context(), awsConfig(), dynamostore.Config{}); err == nil {
		t.Error("a store without a table was opened")
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	want := dynamostore.TableSchema{PartitionKey: "pk", SortKey: "sk", TTL: "ttl", Billing: "PAY_PER_REQUEST"}
	if diff := cmp.Diff(want, dynamostore.Schema()); diff != "" {
		t.Errorf("templates and tables of earlier releases have another schema (-want +got):\n%s", diff)
	}
}
