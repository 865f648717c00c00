package aws_test

import (
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

// Without a connection the worker's own credentials are used, and a connection that does
// not exist is told. The test sets the environment: it is not parallel.
func TestEnvironment(t *testing.T) {
	o, s := awstest.Serve(t, fine)
	delete(o.Settings.Connections, "aws_default")
	for name, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "ENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": s.URL, "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, v)
	}
	for _, args := range []map[string]any{{"aws_conn_id": nil}, {}, {"aws_conn_id": "mine"}} {
		if err := ask(t.Context(), o, args); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		calls := s.Calls()
		if got := scope(calls[len(calls)-1]); got != "ENVIRONMENT eu-central-1" {
			t.Errorf("%v: signed as %s", args, got)
		}
	}
	if log := o.Log(); strings.Count(log, "there is no connection") != 2 || !strings.Contains(log, "there is no connection mine") {
		t.Errorf("the log does not tell of the missing connections: %s", log)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	got := operatortest.Outcome(ask(t.Context(), o, map[string]any{"aws_conn_id": "mine"}))
	const noRegion = "fatal (config): AWS (there is no connection mine): no region: set region_name of the task or in the connection's extra, or AWS_REGION of the worker"
	if got != noRegion {
		t.Errorf("got  %s\nwant %s", got, noRegion)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	got = operatortest.Outcome(ask(t.Context(), o, map[string]any{"region_name": "eu-west-1", "aws_conn_id": "mine"}))
	if !strings.HasPrefix(got, "failed (config, 0): send to queue q: no credentials for AWS (there is no connection mine) (") ||
		!strings.HasSuffix(got, ": add a connection with login and password, or give the worker a role, a profile or AWS_ACCESS_KEY_ID") {
		t.Errorf("no credentials: %s", got)
	}
}
