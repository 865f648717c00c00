package emulatortest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// faultSeconds is how long a fault waits for its calls: longer than any test, and not for
// ever, since the proxy outlives the test.
const faultSeconds = 600

// client is for the proxy's own interface.
var client = &http.Client{Timeout: dialTimeout}

// Fault is what shall go wrong with some calls. Exactly one of Code, Reset and CutOff says
// what.
type Fault struct {
	// Service and Operation are those of the API: "dynamodb", "PutItem". No operation means
	// all of the service.
	Service, Operation string
	// Resource is part of the table's, queue's, function's or bucket's name, or anything else
	// that only these calls have in their JSON; empty is all. All tests share the proxy: a
	// name by Name keeps their faults apart.
	Resource string
	// Times is how many calls fail; those after them pass. Share has this share of all calls
	// fail instead, by chance, for a Duration.
	Times    int
	Share    float64
	Duration time.Duration
	// Code refuses the call with this error of the service: "ThrottlingException",
	// "TransactionConflictException", "SlowDown". Nothing was done.
	Code string
	// Reset ends the connection before the call is done.
	Reset bool
	// CutOff has the call done, and ends the connection within its answer.
	CutOff bool
}

// Proxy stands before LocalStack, and lets calls through or fails them.
type Proxy struct {
	// Config leads through the proxy.
	Config aws.Config
	url    string
}

// Faults returns the proxy. Without a fault it lets everything through.
func Faults(t testing.TB) Proxy {
	t.Helper()
	endpoint := at(t, faultsVariable)
	cfg := load(t)
	cfg.BaseEndpoint = aws.String(endpoint)
	cfg.ConfigSources = nil // or AWS_ENDPOINT_URL would be used instead
	return Proxy{Config: cfg, url: endpoint + "/_microburst/rules"}
}

// Injected is a fault that was asked for.
type Injected struct {
	proxy Proxy
	id    int
}

// Inject has the next calls that a fault names go wrong.
func (p Proxy) Inject(t testing.TB, fault Fault) Injected {
	t.Helper()
	body, err := json.Marshal([]map[string]any{fault.rule()})
	if err != nil {
		t.Fatalf("encode a fault: %v", err)
	}
	rules := p.rules(t, http.MethodPatch, bytes.NewReader(body))
	if len(rules) != 1 {
		t.Fatalf("add a fault: the proxy has taken %d", len(rules))
	}
	return Injected{proxy: p, id: rules[0].ID}
}

// Fired returns how many calls have gone wrong by it so far.
func (i Injected) Fired(t testing.TB) int {
	t.Helper()
	for _, r := range i.proxy.rules(t, http.MethodGet, http.NoBody) {
		if r.ID == i.id {
			return r.Fired
		}
	}
	t.Fatalf("fault %d is no longer there: it lives for %d s", i.id, faultSeconds)
	return 0
}

// rule is the fault in the proxy's language.
func (f Fault) rule() map[string]any {
	rule := map[string]any{"service": f.Service, "times": f.Times, "ttl_s": faultSeconds}
	if f.Operation != "" {
		rule["operation"] = f.Operation
	}
	if f.Share > 0 {
		delete(rule, "times")
		rule["probability"], rule["ttl_s"] = f.Share, f.Duration.Seconds()
	}
	switch {
	case f.Resource == "":
	case f.Service == "s3":
		rule["resource"] = f.Resource
	default:
		// The proxy knows what some operations are about; their JSON names it in all.
		rule["body"] = "contains(to_string(@), '" + f.Resource + "')"
	}
	switch {
	case f.CutOff:
		rule["response"] = map[string]any{"abort_frac": 0.3}
	case f.Reset:
		rule["reset"] = true
	default:
		rule["error"] = map[string]any{"code": f.Code}
	}
	return rule
}

// injected is a rule as the proxy tells it.
type injected struct {
	ID    int `json:"id"`
	Fired int `json:"fired_count"`
}

// rules sends a request to the proxy's own interface and returns the rules that it answers.
func (p Proxy) rules(t testing.TB, method string, body io.Reader) []injected {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.url, body)
	if err != nil {
		t.Fatalf("ask the fault proxy: %v", err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("ask the fault proxy: %s: %v", remedy, err)
	}
	defer response.Body.Close()
	var rules []injected
	if err := json.NewDecoder(response.Body).Decode(&rules); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("ask the fault proxy: %s: %v", response.Status, err)
	}
	return rules
}
