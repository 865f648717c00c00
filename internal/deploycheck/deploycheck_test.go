package deploycheck_test

import (
	"os"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/internal/deploycheck"
)

const root = "../.."

func template(t *testing.T) *deploycheck.Template {
	t.Helper()
	out, err := deploycheck.ReadTemplate(deploycheck.TemplateFile(root))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestContract: the template is what the code expects, but for permissions, which
// `make deploy-check` compares.
func TestContract(t *testing.T) {
	t.Parallel()
	if err := template(t).CheckContract(root); err != nil {
		t.Error(err)
	}
}

// spoilt is the template with one text in place of another, which has to be in it.
func spoilt(t *testing.T, from, to string) *deploycheck.Template {
	t.Helper()
	text, err := os.ReadFile(deploycheck.TemplateFile(root))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("template.yaml does not have %q any more: spoil something else", from)
	}
	out, err := deploycheck.ParseTemplate(strings.Replace(string(text), from, to, 1))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestContractNotices: each part of the contract is missed when it is gone.
func TestContractNotices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, want string }{
		"key":                 {"{AttributeName: sk, KeyType: RANGE}", "{AttributeName: pk, KeyType: RANGE}", "Table is not the table of store/dynamostore"},
		"attribute's type":    {"{AttributeName: sk, AttributeType: S}", "{AttributeName: sk, AttributeType: N}", "Table is not the table of store/dynamostore"},
		"TTL":                 {"{AttributeName: ttl, Enabled: true}", "{AttributeName: expires, Enabled: true}", "Table is not the table of store/dynamostore"},
		"billing":             {"BillingMode: PAY_PER_REQUEST", "BillingMode: PROVISIONED", "Table is not the table of store/dynamostore"},
		"index":               {"DeletionProtectionEnabled:", "GlobalSecondaryIndexes: [{IndexName: due}]\n      DeletionProtectionEnabled:", "Table is not the table of store/dynamostore"},
		"unknown setting":     {"UPDRAFT_EXECUTOR: auto", "UPDRAFT_EXECUTER: auto", "has UPDRAFT_EXECUTER, which is no setting"},
		"bad setting":         {"UPDRAFT_EXECUTOR: auto", "UPDRAFT_EXECUTOR: celery", `setting executor (from UPDRAFT_EXECUTOR) is "celery"`},
		"table's name":        {"UPDRAFT_STORE: !Sub dynamodb://${AWS::StackName}", "UPDRAFT_STORE: dynamodb://other", "there is no AWS::DynamoDB::Table named other"},
		"bucket's name":       {"UPDRAFT_LOGS: !Sub s3://${AWS::StackName}-logs", "UPDRAFT_LOGS: !Sub s3://${AWS::StackName}-log", "there is no AWS::S3::Bucket named check-log-"},
		"secret's name":       {"Name: !Sub ${AWS::StackName}/key", "Name: !Sub ${AWS::StackName}/seal", "there is no AWS::SecretsManager::Secret named check/key"},
		"queue's name":        {"QueueName: !Sub ${AWS::StackName}-plan\n", "QueueName: !Sub ${AWS::StackName}-plans\n", "there is no AWS::SQS::Queue named check-plan"},
		"dead letters' name":  {`QueueName: !Sub "${AWS::StackName}-default-dead"`, `QueueName: !Sub "${AWS::StackName}-dead"`, "`updraft queue` looks for them in check-default-dead"},
		"visibility":          {"VisibilityTimeout: 5400", "VisibilityTimeout: 900", "AWS asks for six times as long"},
		"partial failures":    {"FunctionResponseTypes: [ReportBatchItemFailures]", "Enabled: true", "without ReportBatchItemFailures"},
		"worker's memory":     {"MemorySize: !Ref LargeWorkerMemory", "MemorySize: 1024", "setting lambda names check-worker-large, which is not as it has to be"},
		"worker's time":       {"Timeout: 900", "Timeout: 600", "setting lambda names check-worker, which is not as it has to be"},
		"worker's retries":    {"MaximumRetryAttempts: 0 # what", "MaximumRetryAttempts: 2 # what", "setting lambda names check-worker, which is not as it has to be"},
		"cluster's name":      {"ClusterName: !Ref AWS::StackName", "ClusterName: tasks", "there is no AWS::ECS::Cluster named check"},
		"container's name":    {"- Name: worker #", "- Name: task #", "has no container worker"},
		"container's setting": {"{Name: UPDRAFT_EXECUTOR, Value: auto}", "{Name: UPDRAFT_EXECUTOR, Value: lambda}", "the environment of Task is not that of the functions"},
		"output":              {"Executor: {Value: auto,", "Executor: {Value: lambda,", `output Executor is "lambda", functions have "auto"`},
		"runbook":             {"docs/runbooks/tick-missing.md", "docs/runbooks/tick.md", "TickMissingAlarm names a runbook that is not there"},
		"no runbook":          {"See docs/runbooks/tick-missing.md.", "", "TickMissingAlarm names no runbook"},
		"wildcard":            {`"*" # it knows no narrower resource`, `"*"`, `Resource: "*": say why beside it`},
		"wide action":         {"Action: secretsmanager:GetSecretValue\n                Resource: !Ref Key", "Action: secretsmanager:*\n                Resource: !Ref Key", "Action: secretsmanager:*: say why beside it"},
		"others' secrets":     {"secret:${SecretsPrefix}/connections/*", "secret:*", "SchedulerRole may read other secrets"},
		"secrets of nobody":   {"    - Secrets\n                - Effect", "    - Bounded\n                - Effect", "SchedulerRole may read other secrets"},
		"secrets' setting":    {"- !Sub ${SecretsBackend}:?connections_prefix", "- !Sub ${SecretsBackend}:?prefix", "unknown option \"prefix\""},
		"condition":           {"    Condition: Fargate\n", "    Condition: Fargat\n", "there is no condition Fargat"},
		"reference":           {"Resource: !GetAtt Table.Arn", "Resource: !GetAtt Tabel.Arn", "there is no resource Tabel"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := spoilt(t, c.from, c.to).CheckContract(root)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("with %q for %q: %v, want %q", c.to, c.from, err, c.want)
			}
		})
	}
}

// TestParameters: who asks for a parameter that is not there is told.
func TestParameters(t *testing.T) {
	t.Parallel()
	_, err := template(t).With(map[string]string{"Memory": "1"})
	if err == nil || !strings.Contains(err.Error(), "there is no parameter Memory") {
		t.Errorf("an unknown parameter: %v", err)
	}
}

// TestPermissionsNotice: a policy that lacks something, or has too much, is noticed. The
// calls are given; that they are found is the matter of TestCalls.
func TestPermissionsNotice(t *testing.T) {
	t.Parallel()
	events := deploycheck.Calls{}
	for _, op := range []string{
		"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:TransactWriteItems",
		"dynamodb:TransactWriteItems/Delete", "dynamodb:BatchWriteItem", "secretsmanager:GetSecretValue", "sqs:SendMessageBatch", "sqs:GetQueueUrl",
	} {
		events[op] = []string{"main", "somewhere"}
	}
	more := deploycheck.Calls{"s3:GetObject": {"functions/events.main", "reads"}}
	for op, way := range events {
		more[op] = way
	}
	for name, c := range map[string]struct {
		from, to string
		calls    deploycheck.Calls
		want     string
	}{
		"as it is":          {calls: events},
		"too little":        {calls: more, want: "EventsRole may not do s3:GetObject, which Events does: functions/events.main > reads"},
		"too much":          {"- dynamodb:Query\n", "- dynamodb:Query\n                  - dynamodb:Scan\n", events, "EventsRole may do dynamodb:Scan, which no program with it does"},
		"another queue":     {"Resource: !GetAtt EventQueue.Arn\n\n  ApiRole", "Resource: !GetAtt TaskQueue.Arn\n\n  ApiRole", events, "EventsRole may not do sqs:ReceiveMessage on arn:aws:sqs:eu-central-1:123456789012:check-events, which services do for Events"},
		"another log":       {"Resource: !GetAtt EventsLogs.Arn", "Resource: !GetAtt ApiLogs.Arn", events, "EventsRole may not do logs:CreateLogStream"},
		"nobody's resource": {"Resource: !GetAtt PlanQueue.Arn\n              - Effect: Allow # what", "Resource: arn:aws:sqs:eu-central-1:123456789012:plan\n              - Effect: Allow # what", events, "EventsRole may do sqs:SendMessage on arn:aws:sqs:eu-central-1:123456789012:plan, which is nothing that the stack has"},
		"SAM's role":        {"Role: !GetAtt EventsRole.Arn\n", "\n", events, "Events has no role of the template"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := spoilt(t, c.from, c.to).With(deploycheck.Everything())
			if err != nil {
				t.Fatal(err)
			}
			err = s.CheckPermissions(map[string]string{"Events": "functions/events"}, map[string]deploycheck.Calls{"functions/events": c.calls})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
