package deploycheck

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/logs/s3logs"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
	"github.com/updraft-dev/updraft/store/dynamostore"
)

// Everything are parameters with which every resource of template.yaml is there.
func Everything() map[string]string {
	return map[string]string{
		"TaskImage": "image:1", "KubernetesNamespace": "updraft", "Subnets": "subnet-1,subnet-2", "SecurityGroups": "sg-1", "WorkersInVpc": "true", "FargateSpot": "true",
		"FargatePublicIp": "true", "AlarmTopic": "arn:aws:sns:eu-central-1:123456789012:alarms",
		"SecretsBackend": "secretsmanager", "SecretsPrefix": "team", "WorkerPolicies": "arn:aws:iam::123456789012:policy/tasks", "SchedulerPolicies": "arn:aws:iam::123456789012:policy/queues",
	}
}

// CheckTable compares the table with what the store takes it for.
func (s *Stack) CheckTable() error {
	schema := dynamostore.Schema()
	var faults []error
	for _, id := range s.of("AWS::DynamoDB::Table") {
		p := s.Resources[id].Properties
		type table struct {
			Keys, Types         map[string]string
			Indexes             []string
			TTL, On, Billing    string
			Backups, Protection any
		}
		got := table{
			Keys: map[string]string{}, Types: map[string]string{}, TTL: text(dig(p, "TimeToLiveSpecification", "AttributeName")),
			On: text(dig(p, "TimeToLiveSpecification", "Enabled")), Billing: text(p["BillingMode"]),
			Backups: text(dig(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")),
		}
		for _, k := range entries(p["KeySchema"]) {
			got.Keys[text(at(k, "KeyType"))] = text(at(k, "AttributeName"))
		}
		for _, k := range entries(p["AttributeDefinitions"]) {
			got.Types[text(at(k, "AttributeName"))] = text(at(k, "AttributeType"))
		}
		for _, kind := range []string{"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} {
			for _, x := range entries(p[kind]) {
				got.Indexes = append(got.Indexes, text(at(x, "IndexName")))
			}
		}
		want := table{
			Keys:    map[string]string{"HASH": schema.PartitionKey, "RANGE": schema.SortKey},
			Types:   map[string]string{schema.PartitionKey: "S", schema.SortKey: "S"},
			Indexes: schema.Indexes, TTL: schema.TTL, On: "true", Billing: schema.Billing, Backups: "true",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			faults = append(faults, fmt.Errorf("%s is not the table of store/dynamostore (-code +template):\n%s", id, diff))
		}
	}
	return errors.Join(faults...)
}

func entries(v any) []any {
	l, _ := v.([]any)
	return l
}

// CheckSettings reads the environment of functions and containers as they do, and looks for
// what it names.
func (s *Stack) CheckSettings() error {
	var faults []error
	shared := map[string]string{}
	for k, v := range s.section("Globals") {
		if k == "Function" {
			env, _ := s.eval(dig(v, "Environment", "Variables")).(map[string]any)
			for name, value := range env {
				shared[name] = text(value)
			}
		}
	}
	faults = append(faults, s.checkEnvironment("Globals", shared))
	for output, setting := range cloud.StackOutputs() {
		if got, want := s.Outputs[output], shared[config.EnvName(setting)]; got != want {
			faults = append(faults, fmt.Errorf("output %s is %q, functions have %q: `updraft context add` makes it the setting %s", output, got, want, setting))
		}
	}
	for _, id := range s.of("AWS::Serverless::Function") {
		env := maps.Clone(shared)
		maps.Copy(env, s.environment(id))
		faults = append(faults, s.checkEnvironment(id, env))
	}
	onlyLambda := []string{"AWS_LAMBDA_EXEC_WRAPPER", "UPDRAFT_PYTHON"}
	for _, id := range s.of("AWS::ECS::TaskDefinition") {
		want := maps.Clone(shared)
		if setting := s.secretsSetting(); setting != nil {
			want[config.EnvName("secrets_backend")] = *setting
		}
		for _, name := range onlyLambda {
			delete(want, name)
		}
		got := map[string]string{}
		for _, c := range entries(s.Resources[id].Properties["ContainerDefinitions"]) {
			for _, e := range entries(at(c, "Environment")) {
				got[text(at(e, "Name"))] = text(at(e, "Value"))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			faults = append(faults, fmt.Errorf("the environment of %s is not that of the functions (-functions +container):\n%s", id, diff))
		}
	}
	return errors.Join(faults...)
}

func (s *Stack) checkEnvironment(where string, env map[string]string) error {
	c, err := config.Load(config.Input{Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Flags: map[string]string{"home": "/nowhere"}})
	if err != nil {
		return fmt.Errorf("the environment of %s: %w", where, err)
	}
	known := map[string]bool{"AWS_LAMBDA_EXEC_WRAPPER": true}
	for _, set := range c.Settings() {
		known[set.Env] = true
	}
	var faults []error
	for name := range env {
		if !known[name] {
			faults = append(faults, fmt.Errorf("the environment of %s has %s, which is no setting: `updraft config list` shows those there are", where, name))
		}
	}
	return errors.Join(append(faults, s.checkPlaces(c))...)
}

// checkPlaces looks for the resources that settings name.
func (s *Stack) checkPlaces(c *config.Config) error {
	var faults []error
	named := func(setting, typ, name string, err error) {
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("setting %s is %q: %w", setting, c.Text(setting), err))
		case s.byName(typ, name) == "":
			faults = append(faults, fmt.Errorf("setting %s is %q: there is no %s named %s", setting, c.Text(setting), typ, name))
		}
	}
	table, err := dynamostore.ParseURL(c.Text("store"))
	named("store", "AWS::DynamoDB::Table", table.Table, err)
	for _, setting := range []string{"logs", "dag_source"} {
		l, err := s3logs.ParseURL(c.Text(setting))
		named(setting, "AWS::S3::Bucket", l.Bucket, err)
	}
	named("key", "AWS::SecretsManager::Secret", strings.TrimPrefix(c.Text("key"), "secretsmanager://"), nil)
	functions, err := lambdaexec.ParseFunctions(c.Text("lambda"))
	faults = append(faults, err, s.checkWorkers(functions))
	q, err := sqsqueue.ParseURL(c.Text("queue"))
	faults = append(faults, err)
	for _, name := range cloud.Queues() {
		if name == "fargate" && c.Text("fargate") == "" || inCluster(name) && c.Text("kubernetes_namespace") == "" {
			continue
		}
		full := q.Name + "-" + name
		named("queue", "AWS::SQS::Queue", full, nil)
		faults = append(faults, s.checkDead(full))
		if !inCluster(name) {
			faults = append(faults, s.checkReader(full))
		}
	}
	if c.Text("fargate") == "" {
		return errors.Join(faults...)
	}
	f, err := fargateexec.ParseURL(c.Text("fargate"))
	named("fargate", "AWS::ECS::Cluster", f.Cluster, err)
	named("fargate", "AWS::ECS::TaskDefinition", f.TaskDefinition, nil)
	return errors.Join(append(faults, s.checkContainer(f))...)
}

// inCluster says of a queue that the controller in the cluster or its pods read it, and no
// function.
func inCluster(queue string) bool {
	return queue == executors.Kubernetes || queue == kubeevent.WarmQueue
}

// checkWorkers holds the worker functions against what lambdaexec and docs/design/dispatch.md
// ask of them.
func (s *Stack) checkWorkers(functions []lambdaexec.Function) error {
	var faults []error
	for _, f := range functions {
		id := s.byName("AWS::Serverless::Function", f.Name)
		p := s.Resources[id].Properties
		got := map[string]string{
			"MemorySize": text(p["MemorySize"]), "Timeout": text(p["Timeout"]), "RecursiveLoop": text(p["RecursiveLoop"]),
			"MaximumRetryAttempts": text(dig(p, "EventInvokeConfig", "MaximumRetryAttempts")),
		}
		want := map[string]string{"MemorySize": strconv.FormatInt(f.Memory>>20, 10), "Timeout": "900", "RecursiveLoop": "Allow", "MaximumRetryAttempts": "0"}
		if diff := cmp.Diff(want, got); diff != "" {
			faults = append(faults, fmt.Errorf("setting lambda names %s, which is not as it has to be (-code +template):\n%s", f.Name, diff))
		}
	}
	return errors.Join(faults...)
}

// checkDead looks for the dead letters of a queue.
func (s *Stack) checkDead(name string) error {
	id := s.byName("AWS::SQS::Queue", name)
	if dead := text(dig(s.Resources[id].Properties, "RedrivePolicy", "deadLetterTargetArn")); dead != s.arn(id)+"-dead" {
		return fmt.Errorf("queue %s has dead letters in %q, `updraft queue` looks for them in %s-dead", name, dead, name)
	}
	return nil
}

// checkReader holds a queue against what SQS asks of one that functions read.
func (s *Stack) checkReader(name string) error {
	id := s.byName("AWS::SQS::Queue", name)
	p := s.Resources[id].Properties
	var faults []error
	read := false
	for _, f := range s.of("AWS::Serverless::Function") {
		events, _ := s.Resources[f].Properties["Events"].(map[string]any)
		for _, e := range events {
			if text(dig(e, "Properties", "Queue")) != s.arn(id) {
				continue
			}
			read = true
			timeout, _ := strconv.Atoi(text(s.Resources[f].Properties["Timeout"]))
			if hidden, _ := strconv.Atoi(text(p["VisibilityTimeout"])); hidden < 6*timeout {
				faults = append(faults, fmt.Errorf("queue %s hides messages for %d s, its reader %s has %d s: AWS asks for six times as long", name, hidden, f, timeout))
			}
			if !slices.Contains(texts(dig(e, "Properties", "FunctionResponseTypes")), "ReportBatchItemFailures") {
				faults = append(faults, fmt.Errorf("%s reads queue %s without ReportBatchItemFailures: one bad message would bring all back", f, name))
			}
		}
	}
	if !read {
		faults = append(faults, fmt.Errorf("queue %s is read by no function", name))
	}
	return errors.Join(faults...)
}

func (s *Stack) checkContainer(c fargateexec.Config) error {
	want := c.Container
	if want == "" {
		want = fargateexec.DefaultContainer
	}
	for _, d := range entries(s.Resources[s.byName("AWS::ECS::TaskDefinition", c.TaskDefinition)].Properties["ContainerDefinitions"]) {
		if text(at(d, "Name")) == want {
			return nil
		}
	}
	return fmt.Errorf("task definition %s has no container %s, which is the one that fargateexec gives its command", c.TaskDefinition, want)
}

// CheckAlarms looks for the runbook that each alarm names.
func (s *Stack) CheckAlarms(root string) error {
	var faults []error
	for _, id := range s.of("AWS::CloudWatch::Alarm") {
		file := runbook.FindString(text(s.Resources[id].Properties["AlarmDescription"]))
		if file == "" {
			faults = append(faults, fmt.Errorf("%s names no runbook: write docs/runbooks/….md into its description", id))
		} else if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			faults = append(faults, fmt.Errorf("%s names a runbook that is not there: %w", id, err))
		}
	}
	return errors.Join(faults...)
}

var (
	runbook  = regexp.MustCompile(`docs/runbooks/[a-z-]+\.md`)
	wildcard = regexp.MustCompile(`(Action|Resource|Principal):.*\*`)
	narrow   = regexp.MustCompile(`/\*$|-task:\*$|-task-\*$`)
)

// CheckWildcards looks for actions and resources of policies that are wider than a prefix of
// one resource, without a reason on the same line.
func (t *Template) CheckWildcards() error {
	var faults []error
	for n, line := range strings.Split(t.Text, "\n") {
		code, reason, _ := strings.Cut(line, " #")
		code = strings.TrimSpace(code)
		if wildcard.MatchString(code) && !narrow.MatchString(code) && reason == "" || strings.Contains(code, "!Sub arn:") && strings.HasSuffix(code, "*") && !narrow.MatchString(code) && reason == "" {
			faults = append(faults, fmt.Errorf("line %d: %s: say why beside it", n+1, code))
		}
	}
	return errors.Join(faults...)
}

var target = regexp.MustCompile(`(?m)^((?:build-[A-Za-z]+ ?)+): FUNCTION = ([a-z]+)$`)

// Folders are the folders of the mains of the template's functions and of its container, by
// resource, as the Makefile builds them.
func (s *Stack) Folders(root string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return nil, fmt.Errorf("read how functions are built: %w", err)
	}
	out := map[string]string{}
	for _, m := range target.FindAllStringSubmatch(string(text), -1) {
		for name := range strings.FieldsSeq(m[1]) {
			out[strings.TrimPrefix(name, "build-")] = "functions/" + m[2]
		}
	}
	var faults []error
	functions := s.of("AWS::Serverless::Function")
	for _, id := range functions {
		if out[id] == "" {
			faults = append(faults, fmt.Errorf("the Makefile has no target build-%s", id))
		}
	}
	for id := range out {
		if !slices.Contains(functions, id) {
			faults = append(faults, fmt.Errorf("the Makefile builds %s, which the template does not have", id))
		}
	}
	for _, id := range s.of("AWS::ECS::TaskDefinition") {
		out[id] = "functions/task"
	}
	used := slices.Collect(maps.Values(out))
	there, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	for _, main := range there {
		if folder := "functions/" + filepath.Base(filepath.Dir(main)); !slices.Contains(used, folder) {
			faults = append(faults, fmt.Errorf("%s is in no resource of the template", folder))
		}
	}
	return out, errors.Join(append(faults, err)...)
}
