package deploycheck_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/internal/deploycheck"
)

// TestCalls: every way to call AWS is found, and none that the program cannot take.
func TestCalls(t *testing.T) {
	t.Parallel()
	const main = "internal/deploycheck/testdata/program"
	p, err := deploycheck.Load(root, main)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := p.Calls(main, func(pkg, _ string) bool { return strings.HasSuffix(pkg, "/quiet") })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dynamodb:GetItem", "dynamodb:TransactWriteItems", "dynamodb:TransactWriteItems/Update", "ecs:ListTasks", "lambda:Invoke",
		"s3:GetObject", "secretsmanager:GetSecretValue", "sqs:SendMessage",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(calls))); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	way := strings.Join(calls["sqs:SendMessage"], " > ")
	if !strings.HasPrefix(way, main+".main") || !strings.HasSuffix(way, ".queue).send") {
		t.Errorf("the way to SendMessage is %s", way)
	}
	if _, err := p.Calls("functions/nowhere", deploycheck.Skipped); err == nil {
		t.Error("a main that is not there was read")
	}
}
