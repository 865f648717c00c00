package outside_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/cloud/outside"
)

// TestStackSettings: the outputs of a stack are settings; others are not. It is not
// parallel: what the SDK asks is in the environment.
func TestStackSettings(t *testing.T) {
	outputs := map[string]map[string]string{
		"updraft": {"Store": "dynamodb://updraft", "TaskLogs": "s3://logs/logs", "ApiUrl": "https://api"},
		"website": {"Url": "https://example.com"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stack, ok := outputs[r.FormValue("StackName")]
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id %s does not exist</Message></Error></ErrorResponse>`, r.FormValue("StackName"))
			return
		}
		fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackStatus>UPDATE_COMPLETE</StackStatus><Outputs>`)
		for k, v := range stack {
			fmt.Fprintf(w, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>`, k, v)
		}
		fmt.Fprint(w, `</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}))
	t.Cleanup(server.Close)
	for name, v := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PROFILE": "",
	} {
		t.Setenv(name, v)
	}
	stacks := outside.Stacks{Release: "test"}
	got, err := stacks.Settings(t.Context(), "updraft", "eu-west-1", "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"store": "dynamodb://updraft", "logs": "s3://logs/logs", "aws_region": "eu-west-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct{ stack, region, want string }{
		"none of ours": {"website", "eu-west-1", "its outputs name no store: is it one of Updraft?"},
		"not there":    {"nothing", "eu-west-1", "read the stack nothing in eu-west-1: "},
		"no region":    {"updraft", "", "set AWS_REGION"},
	} {
		if _, err := stacks.Settings(t.Context(), c.stack, c.region, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
