package awssecrets_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/settings/awsparameters"
	"github.com/updraft-dev/updraft/settings/awssecrets"
	"github.com/updraft-dev/updraft/store"
)

// service is both services, with what tests keep in it.
type service struct {
	mu     sync.Mutex
	values map[string]string
	calls  []string
	// fail is the code of an error that every call gets.
	fail string
	// hold, if set, holds every call until it is closed; held is told of each.
	hold, held chan struct{}

	now time.Time
}

func (s *service) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *service) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SecretID, Name string
		WithDecryption bool
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	hold, held := s.hold, s.held
	s.mu.Unlock()
	if hold != nil {
		held <- struct{}{}
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := in.SecretID + in.Name
	s.calls = append(s.calls, name)
	value, ok := s.values[name]
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	parameter := strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetParameter")
	var out any = map[string]any{"SecretString": value}
	switch {
	case s.fail != "":
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": s.fail, "message": "it was told to fail"}
	case !ok && parameter:
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": "ParameterNotFound"}
	case !ok:
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": "ResourceNotFoundException"}
	case value == "binary":
		out = map[string]string{"SecretBinary": "AAAA"}
	case parameter && in.WithDecryption:
		out = map[string]any{"Parameter": map[string]string{"Value": value}}
	}
	_ = json.NewEncoder(w).Encode(out) // a client that has gone does not read it
}

// open opens a backend by its URL, at a service that keeps these values.
func open(t *testing.T, url string, values map[string]string) (*awssecrets.Backend, *service) {
	t.Helper()
	s := &service{values: values, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := awssecrets.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c.Now = s.clock
	c.AWS = aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}
	c.Parameters = awsparameters.Getter
	b, err := awssecrets.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

func TestLookupNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url  string
		kind store.Kind
		id   string
		name string // empty: nobody is asked
	}{
		{"secretsmanager:", store.KindConnection, "db", "updraft/connections/db"},
		{"secretsmanager:", store.KindVariable, "region", "updraft/variables/region"},
		{"secretsmanager:", store.KindPool, "p", ""},
		{"secretsmanager:", store.KindVariable, "a b", ""},
		{"secretsmanager:?connections_prefix=air/&sep=-", store.KindConnection, "db", "air/-db"},
		{"secretsmanager:?connections_prefix=air/conn/", store.KindConnection, "db", "air/conn/db"},
		{"secretsmanager:?connections_prefix=", store.KindConnection, "db", "db"},
		{"secretsmanager:?connections_prefix=null", store.KindConnection, "db", ""},
		{"secretsmanager:?variables_prefix=null", store.KindConnection, "db", "updraft/connections/db"},
		{"secretsmanager:?variables_prefix=null", store.KindVariable, "v", ""},
		{"parameterstore:", store.KindConnection, "db", "/updraft/connections/db"},
		{"parameterstore:?variables_prefix=/air/variables", store.KindVariable, "v", "/air/variables/v"},
		{"parameterstore:", store.KindVariable, "v:3", ""},
		{"parameterstore:?connections_lookup_pattern=aws_", store.KindConnection, "AWS_db", "/updraft/connections/AWS_db"},
		{"parameterstore:?connections_lookup_pattern=aws_", store.KindConnection, "my_aws_db", ""},
	} {
		b, s := open(t, tt.url, map[string]string{tt.name: "value"})
		text, found, err := b.Lookup(t.Context(), tt.kind, tt.id)
		if err != nil || found != (tt.name != "") || found && text != "value" {
			t.Errorf("%s, %s %q: got %q, %t, %v", tt.url, tt.kind, tt.id, text, found, err)
		}
		if got := strings.Join(s.calls, " "); got != tt.name {
			t.Errorf("%s, %s %q: asked for %q, want %q", tt.url, tt.kind, tt.id, got, tt.name)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"vault:":                       "are not of AWS",
		"secretsmanager://host":        "are not of AWS",
		"\x7f":                         "is no URL",
		"secretsmanager:?profile=x":    `unknown option "profile"`,
		"secretsmanager:?ttl=soon":     `ttl is "soon": write a duration`,
		"secretsmanager:?miss_ttl=-1s": `miss_ttl is "-1s"`,
		"parameterstore:?variables_lookup_pattern=(":   "the lookup pattern of variables",
		"parameterstore:?connections_lookup_pattern=[": "the lookup pattern of connections",
	} {
		if _, err := awssecrets.ParseURL(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", in, err, want)
		}
	}
	without := awssecrets.Default(awssecrets.ParameterStore)
	without.Now = time.Now
	if _, err := awssecrets.Open(without); err == nil || !strings.Contains(err.Error(), "Secrets Manager") {
		t.Errorf("a program without the client of the Parameter Store: %v", err)
	}
	if _, err := awssecrets.Open(awssecrets.Config{Service: "vault", Now: time.Now}); err == nil {
		t.Error("an unknown service was opened")
	}
	if _, err := awssecrets.Open(awssecrets.Default(awssecrets.SecretsManager)); err == nil {
		t.Error("a backend without a clock was opened")
	}
}

func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	b, s := open(t, "secretsmanager:?ttl=10m&miss_ttl=1m", map[string]string{"updraft/variables/a": "1"})
	ask := func(id, want string, calls int) {
		t.Helper()
		text, found, err := b.Lookup(t.Context(), store.KindVariable, id)
		if err != nil || text != want || found != (want != "") {
			t.Errorf("%s: got %q, %t, %v", id, text, found, err)
		}
		if len(s.calls) != calls {
			t.Errorf("%s: made %d calls, want %d", id, len(s.calls), calls)
		}
	}
	ask("a", "1", 1)
	ask("b", "", 2)
	s.change(func() { s.values["updraft/variables/a"], s.values["updraft/variables/b"] = "2", "3" })
	ask("a", "1", 2)
	ask("b", "", 2)
	s.change(func() { s.now = s.now.Add(time.Minute) })
	ask("a", "1", 2)
	ask("b", "3", 3)
	s.change(func() { s.now = s.now.Add(9 * time.Minute) })
	ask("a", "2", 4)
}

func TestErrorsAreToldAndNotKept(t *testing.T) {
	t.Parallel()
	b, s := open(t, "secretsmanager:", map[string]string{"updraft/connections/db": "postgres://u:hidden@h/", "updraft/connections/bin": "binary"})
	for code, want := range map[string]string{
		"AccessDeniedException":        "let the role or user do what it names",
		"ThrottlingException":          "throttled: ",
		"ExpiredTokenException":        "sign in again",
		"DecryptionFailure":            "DecryptionFailure",
		"InternalServiceErrorOfAnyKey": "it was told to fail",
	} {
		s.change(func() { s.fail = code })
		_, found, err := b.Lookup(t.Context(), store.KindConnection, "db")
		if err == nil || found || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "look up connection `db` at secretsmanager updraft/connections/db: ") {
			t.Errorf("%s: got %v, want %q", code, err, want)
		}
	}
	s.change(func() { s.fail = "" })
	if _, found, err := b.Lookup(t.Context(), store.KindConnection, "db"); !found || err != nil {
		t.Errorf("after the errors: %t, %v", found, err)
	}
	if _, _, err := b.Lookup(t.Context(), store.KindConnection, "bin"); err == nil || !strings.Contains(err.Error(), "store it as a text") {
		t.Errorf("a binary secret: %v", err)
	}
}

// TestOneCallForAll: a fan of tasks that begin at once asks once.
func TestOneCallForAll(t *testing.T) {
	t.Parallel()
	b, s := open(t, "secretsmanager:", map[string]string{"updraft/variables/a": "1"})
	s.change(func() { s.hold, s.held = make(chan struct{}), make(chan struct{}, 20) })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if text, _, err := b.Lookup(t.Context(), store.KindVariable, "a"); text != "1" || err != nil {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
	<-s.held
	close(s.hold)
	wg.Wait()
	if n := len(s.calls); n != 1 {
		t.Errorf("made %d calls, want 1", n)
	}
}

// TestRegistry: what the service has comes before the environment and after the files, and
// its connections are masked as all are.
func TestRegistry(t *testing.T) {
	t.Parallel()
	b, s := open(t, "secretsmanager:", map[string]string{
		"updraft/connections/uri":  "postgres://ada:s3cret@db.example.com:5432/shop?sslmode=require",
		"updraft/connections/json": `{"conn_type": "http", "host": "h", "port": 80, "extra": {"token": "t0ken"}}`,
		"updraft/connections/rds":  `{"username":"u","password":"p","engine":"postgres","host":"h","port":5432,"dbInstanceIdentifier":"i","dbname":"shop"}`,
		"updraft/connections/own":  `{"user": "u", "engine": "postgres", "dags": ["etl"]}`,
		"updraft/connections/bad":  `{"port": "hidden"}`,
		"updraft/connections/file": "http://service",
		"updraft/variables/region": "eu-west-1",
	})
	r := settings.NewRegistry(settings.Config{
		Backend: b,
		Secrets: &settings.Secrets{Connections: map[string]settings.Connection{"file": {ID: "file", Type: "http", Host: "of-the-file"}}},
		Lookup: func(name string) (string, bool) {
			return map[string]string{"AIRFLOW_CONN_URI": "http://environment", "AIRFLOW_CONN_ENV": "http://environment"}[name], strings.HasPrefix(name, "AIRFLOW_CONN_") && (strings.HasSuffix(name, "URI") || strings.HasSuffix(name, "ENV"))
		},
	})
	for id, want := range map[string]string{
		"uri":  "postgres://ada:s3cret@db.example.com:5432/shop?sslmode=require",
		"json": "http://h:80/?token=t0ken",
		"rds":  "postgres://u:p@h:5432/shop",
		"file": "http://of-the-file",
		"env":  "http://environment",
	} {
		c, err := r.Connection(t.Context(), id)
		if got := c.URI(); err != nil || got != want || c.ID != id {
			t.Errorf("%s: got %s, %v, want %s", id, got, err, want)
		}
	}
	c, err := r.Connection(t.Context(), "uri")
	if got := c.Secrets(); err != nil || len(got) != 1 || got[0] != "s3cret" {
		t.Errorf("what is masked is %q, %v", got, err)
	}
	if _, err := r.Connection(t.Context(), "bad"); err == nil || strings.Contains(err.Error(), `{"port"`) {
		t.Errorf("a connection that cannot be read: %v", err)
	}
	var denied *settings.DeniedError
	if _, err := r.For("other").Connection(t.Context(), "own"); !errors.As(err, &denied) {
		t.Errorf("a connection that another DAG has for itself: %v", err)
	}
	if _, err := r.For("etl").Connection(t.Context(), "own"); err != nil {
		t.Errorf("a connection that the DAG has for itself: %v", err)
	}
	if v, err := r.Variable(t.Context(), "region"); err != nil || v.Value != "eu-west-1" || v.Key != "region" {
		t.Errorf("got %+v, %v", v, err)
	}
	if _, err := r.Variable(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a variable that is nowhere: %v", err)
	}
	s.change(func() { s.fail = "AccessDeniedException" })
	if _, err := r.Variable(t.Context(), "other"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("when nobody knows whether there is one: %v", err)
	}
	if _, err := r.Connection(t.Context(), "other"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("when nobody knows whether there is one: %v", err)
	}
}
