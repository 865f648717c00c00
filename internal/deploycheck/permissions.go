package deploycheck

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Reason excuses a difference between a policy and the code.
type Reason struct{ Folder, Action, Because string }

// uncalled are operations that a function can get to by way of an interface, but does not.
func uncalled() []Reason {
	const pods = "only pods in a cluster serve a queue (ClusterPolicy): Fargate runs `task execute`"
	return []Reason{
		{"functions/task", "sqs:ReceiveMessage", pods},
		{"functions/task", "sqs:DeleteMessage", pods},
		{"functions/task", "sqs:ChangeMessageVisibility", pods},
		{"functions/task", "sqs:GetQueueAttributes", pods},
		{"functions/task", "ssm:GetParameter", "the setting secrets_backend of containers names Secrets Manager; pods elsewhere may have another"},
		{"functions/fargate", "lambda:InvokeFunction", "attempts are started by the executor that the main gives it, which is fargateexec"},
	}
}

// Skipped says what is not looked into: what tasks do is theirs to be allowed (the parameter
// WorkerPolicies), and messages are kept in a bucket only if the setting queue names one.
func Skipped(pkg, function string) bool {
	return strings.HasPrefix(pkg, module+"/operators/") || strings.HasPrefix(function, "(*"+module+"/queue/sqsqueue.Bucket).")
}

// actions are what a policy has to allow for an operation; IAM's names are not always those
// of the API. Parts of a transaction stand for themselves.
func actions(op string) []string {
	named := map[string][]string{
		"dynamodb:TransactWriteItems": {}, "dynamodb:TransactWriteItems/Put": {"dynamodb:PutItem"},
		"dynamodb:TransactWriteItems/Update": {"dynamodb:UpdateItem"}, "dynamodb:TransactWriteItems/Delete": {"dynamodb:DeleteItem"},
		"dynamodb:TransactWriteItems/ConditionCheck": {"dynamodb:ConditionCheckItem"},
		"sqs:SendMessageBatch":                       {"sqs:SendMessage"}, "sqs:DeleteMessageBatch": {"sqs:DeleteMessage"},
		"sqs:ChangeMessageVisibilityBatch": {"sqs:ChangeMessageVisibility"},
		"s3:HeadObject":                    {"s3:GetObject"}, "s3:ListObjectsV2": {"s3:ListBucket"}, "s3:DeleteObjects": {"s3:DeleteObject"},
		"lambda:Invoke": {"lambda:InvokeFunction"},
		// A task has roles, and fargateexec gives it tags.
		"ecs:RunTask": {"ecs:RunTask", "ecs:TagResource", "iam:PassRole"}, "ecs:RegisterTaskDefinition": {"ecs:RegisterTaskDefinition", "iam:PassRole"},
	}
	if a, ok := named[op]; ok {
		return a
	}
	return []string{op}
}

// grant is one action on some resources.
type grant struct {
	action    string
	resources []string
}

// grants are what the policies of a role allow.
func (s *Stack) grants(role string) []grant {
	var out []grant
	policies, _ := s.Resources[role].Properties["Policies"].([]any)
	for _, p := range policies {
		statements, _ := dig(p, "PolicyDocument", "Statement").([]any)
		for _, st := range statements {
			if at(st, "Effect") != "Allow" {
				continue
			}
			for _, a := range texts(at(st, "Action")) {
				out = append(out, grant{a, texts(at(st, "Resource"))})
			}
		}
	}
	return out
}

// role is the role of a function or task definition.
func (s *Stack) role(id string) string {
	arn := text(s.Resources[id].Properties["Role"])
	if arn == "" {
		arn = text(s.Resources[id].Properties["TaskRoleArn"])
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// forServices are what a function has to be allowed because services use its role: Lambda
// receives from its queue, writes its log, tells of its failures, and makes its network.
func (s *Stack) forServices(id string) []grant {
	p := s.Resources[id].Properties
	if s.Resources[id].Type != "AWS::Serverless::Function" {
		return nil
	}
	logs := []string{s.arn(s.byName("AWS::Logs::LogGroup", text(dig(p, "LoggingConfig", "LogGroup"))))}
	out := []grant{{"logs:CreateLogStream", logs}, {"logs:PutLogEvents", logs}}
	events, _ := p["Events"].(map[string]any)
	for _, e := range events {
		if at(e, "Type") == "SQS" {
			q := []string{text(dig(e, "Properties", "Queue"))}
			out = append(out, grant{"sqs:ReceiveMessage", q}, grant{"sqs:DeleteMessage", q}, grant{"sqs:GetQueueAttributes", q})
		}
	}
	if q := text(dig(p, "EventInvokeConfig", "DestinationConfig", "OnFailure", "Destination")); q != "" {
		out = append(out, grant{"sqs:SendMessage", []string{q}})
	}
	if p["VpcConfig"] != nil {
		for _, a := range []string{
			"CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses",
		} {
			out = append(out, grant{"ec2:" + a, []string{"*"}})
		}
	}
	return out
}

// byName is the id of the resource with a type and name.
func (s *Stack) byName(typ, name string) string {
	for _, id := range s.of(typ) {
		if s.names[id] == name {
			return id
		}
	}
	return ""
}

// CheckPermissions compares what programs can call with what their roles may do: folders are
// those of the mains of resources, calls what each main can get to.
func (s *Stack) CheckPermissions(folders map[string]string, calls map[string]Calls) error {
	var faults []error
	needed := map[string]map[string]bool{} // by role
	for _, id := range slices.Sorted(maps.Keys(folders)) {
		role := s.role(id)
		if s.Resources[role].Type != "AWS::IAM::Role" {
			faults = append(faults, fmt.Errorf("%s has no role of the template: give it one, those that SAM makes may do more than needed", id))
			continue
		}
		if needed[role] == nil {
			needed[role] = map[string]bool{}
		}
		faults = append(faults, s.checkNeeds(id, role, folders[id], calls[folders[id]], needed[role]))
	}
	for _, role := range slices.Sorted(maps.Keys(needed)) {
		for _, g := range s.grants(role) {
			if !needed[role][g.action] {
				faults = append(faults, fmt.Errorf("%s may do %s, which no program with it does: remove it, or give a reason in internal/deploycheck", role, g.action))
			}
		}
		faults = append(faults, s.checkResources(role))
	}
	return errors.Join(faults...)
}

// checkNeeds looks for what a program or a service on its behalf does and may not, and adds
// to what is needed.
func (s *Stack) checkNeeds(id, role, folder string, calls Calls, needed map[string]bool) error {
	var faults []error
	for _, op := range slices.Sorted(maps.Keys(calls)) {
		for _, a := range actions(op) {
			if slices.ContainsFunc(uncalled(), func(r Reason) bool { return r.Folder == folder && r.Action == a }) {
				continue
			}
			needed[a] = true
			if !slices.ContainsFunc(s.grants(role), func(g grant) bool { return g.action == a }) {
				faults = append(faults, fmt.Errorf("%s may not do %s, which %s does: %s", role, a, id, strings.Join(calls[op], " > ")))
			}
		}
	}
	for _, g := range s.forServices(id) {
		needed[g.action] = true
		if !s.allows(role, g) {
			faults = append(faults, fmt.Errorf("%s may not do %s on %s, which services do for %s", role, g.action, g.resources[0], id))
		}
	}
	return errors.Join(faults...)
}

// allows says whether a role may do something on exactly these resources.
func (s *Stack) allows(role string, want grant) bool {
	return slices.ContainsFunc(s.grants(role), func(g grant) bool {
		return g.action == want.action && !slices.ContainsFunc(want.resources, func(r string) bool { return !slices.Contains(g.resources, r) })
	})
}

// checkResources looks for resources in a role's policies that the stack does not have.
func (s *Stack) checkResources(role string) error {
	var faults []error
	var known []string
	for id := range s.Resources {
		known = append(known, s.arn(id))
	}
	for _, id := range s.of("AWS::ECS::Cluster") {
		known = append(known, "arn:aws:ecs:"+region+":"+accountID+":task/"+s.names[id])
	}
	folders, err := s.secretFolders()
	faults = append(faults, err)
	known = append(known, folders...)
	for _, g := range s.grants(role) {
		for _, r := range g.resources {
			base, _, _ := strings.Cut(r, "/*")
			base = strings.TrimSuffix(strings.TrimSuffix(base, ":*"), "-*")
			if strings.HasPrefix(g.action, "s3:") && base != r {
				base, _, _ = strings.Cut(base, "/") // a prefix of the bucket
			}
			if r != "*" && !strings.HasPrefix(g.action, "ecr:") && !slices.ContainsFunc(known, func(k string) bool { return strings.TrimSuffix(k, ":*") == base }) {
				faults = append(faults, fmt.Errorf("%s may do %s on %s, which is nothing that the stack has", role, g.action, r))
			}
		}
	}
	return errors.Join(faults...)
}
