package athena_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/aws/athena"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

const (
	query = "airflow.providers.amazon.aws.operators.athena.AthenaOperator"
	watch = "airflow.providers.amazon.aws.sensors.athena.AthenaSensor"
)

// serve is an Athena whose query goes through these states, and stays in the last.
func serve(t *testing.T, states ...map[string]any) (*operatortest.Harness, *awstest.Service) {
	looks := 0
	return awstest.Serve(t, func(c awstest.Call) awstest.Answer {
		if c.Operation != "GetQueryExecution" {
			return awstest.Answer{Body: map[string]any{"QueryExecutionId": "q1"}}
		}
		state := states[min(looks, len(states)-1)]
		looks++
		return awstest.Answer{Body: map[string]any{"QueryExecution": map[string]any{"QueryExecutionId": "q1", "Status": state}}}
	})
}

func in(state string) map[string]any { return map[string]any{"State": state} }

func TestQuery(t *testing.T) {
	t.Parallel()
	o, s := serve(t, in("QUEUED"), in("RUNNING"), in("SUCCEEDED"))
	res, err := o.Run(t.Context(), operatortest.Find(t, athena.Operators(), query), map[string]any{
		"query": "select 1", "database": "d", "output_location": "s3://b/p", "sleep_time": 0,
		"query_execution_context": map[string]any{"Database": "other"},
		"result_configuration":    map[string]any{"EncryptionConfiguration": map[string]any{"EncryptionOption": "SSE_S3"}},
	})
	if err != nil || res.Value != "q1" {
		t.Fatalf("got %v, %v", res.Value, err)
	}
	if got, want := s.Operations(), "StartQueryExecution GetQueryExecution GetQueryExecution GetQueryExecution"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	got := s.Calls()[0].Body
	if len(got["ClientRequestToken"].(string)) < 32 {
		t.Errorf("the token %v is too short for Athena", got["ClientRequestToken"])
	}
	delete(got, "ClientRequestToken")
	want := map[string]any{
		"QueryString": "select 1", "WorkGroup": "primary", "QueryExecutionContext": map[string]any{"Database": "d", "Catalog": "AwsDataCatalog"},
		"ResultConfiguration": map[string]any{"OutputLocation": "s3://b/p", "EncryptionConfiguration": map[string]any{"EncryptionOption": "SSE_S3"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		state map[string]any
		args  map[string]any
		want  string
	}{
		{map[string]any{"State": "FAILED", "StateChangeReason": "SYNTAX_ERROR: line 1:8"}, nil, "failed: query q1 is FAILED: SYNTAX_ERROR: line 1:8"},
		{map[string]any{"State": "FAILED", "StateChangeReason": "oh", "AthenaError": map[string]any{"ErrorCategory": 1}}, nil, "failed (infra, 0): query q1 is FAILED: oh"},
		{map[string]any{"State": "CANCELLED"}, nil, "failed: query q1 is CANCELLED: "},
		{in("RUNNING"), map[string]any{"deferrable": true, "sleep_time": 30}, "reschedule: 2024-05-02T00:00:30Z"},
		{in("RUNNING"), map[string]any{"query": ""}, "fatal (config): argument query is empty: write a query"},
	} {
		o, _ := serve(t, tt.state)
		o.Now = func() time.Time { return time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC) }
		args := map[string]any{"query": "select 1"}
		for k, v := range tt.args {
			args[k] = v
		}
		_, err := o.Run(t.Context(), operatortest.Find(t, athena.Operators(), query), args)
		if got := operatortest.Outcome(err); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.state, got, tt.want)
		}
	}
}

func TestSensor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ state, want string }{
		{"SUCCEEDED", "success"}, {"QUEUED", "reschedule: 2024-05-02T00:01:00Z"}, {"FAILED", "failed: query q1 is FAILED: "},
	} {
		o, _ := serve(t, in(tt.state))
		o.Now = func() time.Time { return time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC) }
		_, err := o.Run(t.Context(), operatortest.Find(t, athena.Operators(), watch), map[string]any{"query_execution_id": "q1", "mode": "reschedule"})
		if got := operatortest.Outcome(err); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.state, got, tt.want)
		}
	}
}
