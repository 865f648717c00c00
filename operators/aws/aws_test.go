package aws_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
)

// ask calls SQS as the account of a harness.
func ask(ctx context.Context, o *operatortest.Harness, args map[string]any) error {
	acc, err := aws.Open(ctx, o.Attempt(args), "")
	if err != nil {
		return err
	}
	defer acc.Close()
	client := sqs.NewFromConfig(acc.Config, func(o *sqs.Options) { acc.Endpoint("sqs", &o.BaseEndpoint) })
	_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: sdk.String("q"), MessageBody: sdk.String("m")})
	return acc.Failed("send to queue q", err)
}

func fine(awstest.Call) awstest.Answer { return awstest.Answer{} }

func TestConnections(t *testing.T) {
	t.Parallel()
	o, s := awstest.Serve(t, fine)
	at := map[string]any{"endpoint_url": s.URL, "region_name": "eu-west-1"}
	with := func(more map[string]any) map[string]any {
		out := map[string]any{}
		for _, m := range []map[string]any{at, more} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	tests := []struct {
		name  string
		conn  settings.Connection
		args  map[string]any
		scope string // of the signature: key and region
	}{
		{name: "login and password", conn: awstest.Connection(t, at), scope: "AKIDEXAMPLE eu-west-1"},
		{name: "region of the task", conn: awstest.Connection(t, at), args: map[string]any{"region_name": "us-west-2"}, scope: "AKIDEXAMPLE us-west-2"},
		{name: "keys in the extra", conn: bare(t, with(map[string]any{"aws_access_key_id": "EXTRA", "aws_secret_access_key": "s"})), scope: "EXTRA eu-west-1"},
		{name: "keys of a session", conn: bare(t, with(map[string]any{"session_kwargs": map[string]any{"aws_access_key_id": "SESSION", "aws_secret_access_key": "s"}})), scope: "SESSION eu-west-1"},
		{name: "endpoint of the service", conn: awstest.Connection(t, map[string]any{
			"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:1", "service_config": map[string]any{"sqs": map[string]any{"endpoint_url": s.URL}},
		}), scope: "AKIDEXAMPLE eu-west-1"},
		{name: "region of botocore", conn: awstest.Connection(t, map[string]any{"endpoint_url": s.URL}), args: map[string]any{"botocore_config": map[string]any{
			"region_name": "ap-south-1", "connect_timeout": 5, "read_timeout": 2.5, "retries": map[string]any{"max_attempts": 2, "mode": "adaptive"},
		}}, scope: "AKIDEXAMPLE ap-south-1"},
		{name: "unsigned", conn: awstest.Connection(t, with(map[string]any{"config_kwargs": map[string]any{"signature_version": "unsigned"}})), scope: ""},
	}
	for _, tt := range tests {
		o.Settings.Connections["aws_default"] = tt.conn
		if tt.args == nil {
			tt.args = map[string]any{}
		}
		if err := ask(t.Context(), o, tt.args); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		calls := s.Calls()
		if got := scope(calls[len(calls)-1]); got != tt.scope {
			t.Errorf("%s: signed as %q, want %q", tt.name, got, tt.scope)
		}
	}
}

// bare is a connection without login.
func bare(t *testing.T, extra map[string]any) settings.Connection {
	c := awstest.Connection(t, extra)
	c.Login, c.Password = "", ""
	return c
}

// scope is the key and the region of a request's signature.
func scope(c awstest.Call) string {
	_, credential, found := strings.Cut(c.Header.Get("Authorization"), "Credential=")
	if !found {
		return ""
	}
	parts := strings.Split(credential, "/")
	return parts[0] + " " + parts[2]
}

// A role is taken on at the endpoint that service_config has for STS.
func TestRole(t *testing.T) {
	t.Parallel()
	const answer = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`
	var form string
	o, s := awstest.Serve(t, func(c awstest.Call) awstest.Answer {
		if c.Operation == "POST /" {
			form = c.Raw
			return awstest.Answer{Body: answer, Header: map[string]string{"Content-Type": "text/xml"}}
		}
		return awstest.Answer{}
	})
	o.Settings.Connections["aws_default"] = awstest.Connection(t, map[string]any{
		"endpoint_url": s.URL, "region_name": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/r",
		"assume_role_kwargs": map[string]any{"ExternalId": "x1", "DurationSeconds": 900},
		"service_config":     map[string]any{"sts": map[string]any{"endpoint_url": s.URL}},
	})
	if err := ask(t.Context(), o, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Action=AssumeRole", "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr", "RoleSessionName=Airflow_aws_default", "ExternalId=x1", "DurationSeconds=900"} {
		if !strings.Contains(form, part) {
			t.Errorf("STS was not asked with %s: %s", part, form)
		}
	}
	calls := s.Calls()
	last := calls[len(calls)-1]
	if got, want := scope(last)+" "+last.Header.Get("X-Amz-Security-Token"), "ASSUMED eu-west-1 t"; got != want {
		t.Errorf("signed as %q, want %q", got, want)
	}
}

func TestMisconfigured(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		extra map[string]any
		args  map[string]any
		want  string
	}{
		{name: "endpoint", extra: map[string]any{"endpoint_url": "localhost"}, want: `connection aws_default: endpoint_url is "localhost": write a URL such as http://127.0.0.1:4566`},
		{name: "method", extra: map[string]any{"role_arn": "r", "assume_role_method": "assume_role_with_saml"}, want: "connection aws_default: assume_role_method assume_role_with_saml is not known: use assume_role or assume_role_with_web_identity"},
		{name: "token", extra: map[string]any{"role_arn": "r", "assume_role_method": "assume_role_with_web_identity"}, want: "connection aws_default: assume_role_with_web_identity needs assume_role_with_web_identity_federation: file and assume_role_with_web_identity_token_file"},
		{name: "kwargs", extra: map[string]any{"role_arn": "r", "assume_role_kwargs": map[string]any{"Tags": []any{}}}, want: "connection aws_default: assume_role_kwargs: Tags cannot be used: RoleSessionName, ExternalId, DurationSeconds, Policy and SourceIdentity can"},
		{name: "verify", args: map[string]any{"verify": "no-such.pem"}, want: "verify: open DIR/no-such.pem: no such file or directory"},
		{name: "kind of verify", args: map[string]any{"verify": 7}, want: "verify is neither true, false nor a file name"},
		{name: "no certificate", args: map[string]any{"verify": "empty.pem"}, want: "verify: DIR/empty.pem has no certificate in PEM form"},
		{name: "time-out", args: map[string]any{"botocore_config": map[string]any{"read_timeout": "long"}}, want: "botocore_config: read_timeout is long: write it as for botocore's Config"},
		{name: "retries", args: map[string]any{"botocore_config": map[string]any{"retries": map[string]any{"mode": "wild"}}}, want: "botocore_config: retries is map[mode:wild]: write it as for botocore's Config"},
		{name: "proxy", args: map[string]any{"botocore_config": map[string]any{"proxies": map[string]any{"https": "://"}}}, want: "botocore_config: proxies is map[https:://]: write it as for botocore's Config"},
		{name: "kind", args: map[string]any{"aws_conn_id": 1}, want: "argument aws_conn_id is a number, not a text"},
	}
	for _, tt := range tests {
		o := operatortest.New(t)
		if err := os.WriteFile(filepath.Join(o.Dir, "empty.pem"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if tt.extra == nil {
			tt.extra = map[string]any{"region_name": "eu-west-1"}
		}
		o.Settings.Connections = map[string]settings.Connection{"aws_default": awstest.Connection(t, tt.extra)}
		_, err := aws.Open(t.Context(), o.Attempt(tt.args), "")
		if got, want := strings.ReplaceAll(operatortest.Outcome(err), o.Dir, "DIR"), "fatal (config): "+tt.want; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, want)
		}
	}
}

// What a service says decides the cause, and what to do is said for faults of configuration.
func TestFailed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		answer awstest.Answer
		want   string
	}{
		{awstest.Answer{Code: "ThrottlingException", Message: "Rate exceeded"}, "failed (infra, 0): send to queue q: ThrottlingException: Rate exceeded"},
		{awstest.Answer{Code: "AccessDeniedException", Message: "no"}, "failed (config, 0): send to queue q: AccessDeniedException: no: allow sqs:SendMessage to what AWS connection aws_default acts as"},
		{awstest.Answer{Code: "ExpiredTokenException", Message: "old"}, "failed (config, 0): send to queue q: ExpiredTokenException: old: renew the keys of AWS connection aws_default"},
		{awstest.Answer{Code: "QueueDoesNotExist", Message: "The specified queue does not exist."}, "failed (config, 0): send to queue q: QueueDoesNotExist: The specified queue does not exist: check the name, the region (eu-west-1) and the account of AWS connection aws_default"},
		{awstest.Answer{Code: "ServiceQuotaExceededException", Message: "full"}, "failed (quota, 0): send to queue q: ServiceQuotaExceededException: full"},
		{awstest.Answer{Code: "InternalFailure", Message: "oh", Status: http.StatusInternalServerError}, "failed (infra, 0): send to queue q: InternalFailure: oh"},
		{awstest.Answer{Code: "InvalidMessageContents", Message: "bad"}, "failed: send to queue q: InvalidMessageContents: bad"},
	}
	for _, tt := range tests {
		o, _ := awstest.Serve(t, func(awstest.Call) awstest.Answer { return tt.answer })
		if got := operatortest.Outcome(ask(t.Context(), o, map[string]any{})); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.answer.Code, got, tt.want)
		}
	}
}

// A text from a template is a number or a truth as well.
func TestTemplatedValues(t *testing.T) {
	t.Parallel()
	a := operatortest.New(t).Attempt(map[string]any{"n": " 5 ", "m": int64(6), "bad": "x", "yes": "True", "no": false})
	var got []string
	for _, name := range []string{"n", "m", "bad", "absent"} {
		n, err := aws.Int(a, name, 9)
		got = append(got, fmt.Sprint(n, " ", err))
	}
	for _, name := range []string{"yes", "no", "bad", "absent"} {
		b, err := aws.Truth(a, name, true)
		got = append(got, fmt.Sprint(b, " ", err))
	}
	want := []string{
		"5 <nil>", "6 <nil>", `9 argument bad is "x", not a whole number`, "9 <nil>",
		"true <nil>", "false <nil>", `true argument bad is "x", not true or false`, "true <nil>",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
