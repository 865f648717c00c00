package deploycheck

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The stack that templates are evaluated for.
const (
	stackName = "check"
	accountID = "123456789012"
	region    = "eu-central-1"
)

// Resource is a resource of a stack.
type Resource struct {
	Type       string
	Properties map[string]any
}

// Stack is what a template makes, with its functions of CloudFormation evaluated.
type Stack struct {
	Resources map[string]Resource
	// Outputs are those that are not left away, by name.
	Outputs map[string]string

	tree   map[string]any
	params map[string]any
	names  map[string]string
	faults []error
}

// noValue is what AWS::NoValue evaluates to: it leaves away what has it.
type noValue struct{}

// With evaluates the template with these parameters, and the defaults of all others.
func (t *Template) With(params map[string]string) (*Stack, error) {
	s := &Stack{Resources: map[string]Resource{}, Outputs: map[string]string{}, tree: t.tree, params: map[string]any{}, names: map[string]string{}}
	for name, p := range s.section("Parameters") {
		s.params[name] = at(p, "Default")
		if v, ok := params[name]; ok {
			s.params[name] = v
		}
		if at(p, "Type") == "CommaDelimitedList" {
			s.params[name] = list(strings.Split(fmt.Sprint(s.params[name]), ","))
		}
	}
	for name := range params {
		if s.params[name] == nil {
			s.faults = append(s.faults, fmt.Errorf("there is no parameter %s", name))
		}
	}
	there := maps.Collect(s.thereOf("Resources"))
	// Names first: others are made of them.
	for id, r := range there {
		if key := nameOf(text(at(r, "Type"))); key != "" {
			s.names[id] = text(s.eval(at(at(r, "Properties"), key)))
		}
	}
	for id, r := range there {
		properties, _ := s.eval(at(r, "Properties")).(map[string]any)
		s.Resources[id] = Resource{Type: text(at(r, "Type")), Properties: properties}
	}
	for name, o := range s.thereOf("Outputs") {
		s.Outputs[name] = text(s.eval(at(o, "Value")))
	}
	return s, errors.Join(s.faults...)
}

// nameOf is the property that names a resource of a type.
func nameOf(typ string) string {
	return map[string]string{
		"AWS::DynamoDB::Table": "TableName", "AWS::SQS::Queue": "QueueName", "AWS::S3::Bucket": "BucketName",
		"AWS::SecretsManager::Secret": "Name", "AWS::Logs::LogGroup": "LogGroupName", "AWS::Serverless::Function": "FunctionName",
		"AWS::ECS::Cluster": "ClusterName", "AWS::ECS::TaskDefinition": "Family",
	}[typ]
}

func (s *Stack) section(name string) map[string]any {
	m, _ := s.tree[name].(map[string]any)
	return m
}

// thereOf are the entries of a section whose conditions hold.
func (s *Stack) thereOf(section string) func(func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for _, id := range slices.Sorted(maps.Keys(s.section(section))) {
			v := s.section(section)[id]
			if c := text(at(v, "Condition")); (c == "" || s.holds(c)) && !yield(id, v) {
				return
			}
		}
	}
}

func (s *Stack) holds(condition string) bool {
	c, ok := s.section("Conditions")[condition]
	if !ok {
		s.fault("there is no condition %s", condition)
	}
	return s.eval(c) == true
}

func (s *Stack) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Errorf(format, args...))
}

// eval evaluates a value.
func (s *Stack) eval(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 1 {
			for name, arg := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") || name == "Condition" && isText(arg) {
					return s.call(name, arg)
				}
			}
		}
		out := map[string]any{}
		for k, e := range v {
			if e = s.eval(e); e != (noValue{}) {
				out[k] = e
			}
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			if e = s.eval(e); e != (noValue{}) {
				out = append(out, e)
			}
		}
		return out
	}
	return v
}

func isText(v any) bool { _, ok := v.(string); return ok }

// call evaluates a function of CloudFormation.
func (s *Stack) call(name string, arg any) any {
	args, _ := arg.([]any)
	want := map[string]int{"Fn::If": 3, "Fn::Equals": 2, "Fn::Not": 1, "Fn::And": 2, "Fn::Join": 2, "Fn::Split": 2, "Fn::FindInMap": 3, "Fn::GetAtt": 2}
	if len(args) < want[name] {
		s.fault("%s has %d arguments, it takes %d", name, len(args), want[name])
		return nil
	}
	switch name {
	case "Ref":
		return s.ref(text(arg))
	case "Condition":
		return s.holds(text(arg))
	case "Fn::Sub":
		return s.sub(text(arg))
	case "Fn::GetAtt":
		return s.attribute(text(args[0]), text(args[1]))
	case "Fn::If":
		if s.holds(text(args[0])) {
			return s.eval(args[1])
		}
		return s.eval(args[2])
	case "Fn::Equals":
		return text(s.eval(args[0])) == text(s.eval(args[1]))
	case "Fn::Not":
		return s.eval(args[0]) != true
	case "Fn::And":
		return !slices.ContainsFunc(args, func(a any) bool { return s.eval(a) != true })
	case "Fn::Join":
		return strings.Join(texts(s.eval(args[1])), text(args[0]))
	case "Fn::Split":
		return list(strings.Split(text(s.eval(args[1])), text(args[0])))
	case "Fn::FindInMap":
		return at(at(s.section("Mappings")[text(args[0])], text(s.eval(args[1]))), text(args[2]))
	}
	s.fault("%s is not known to deploy-check", name)
	return nil
}

func (s *Stack) ref(name string) any {
	switch name {
	case "AWS::NoValue":
		return noValue{}
	case "AWS::StackName":
		return stackName
	case "AWS::AccountId":
		return accountID
	case "AWS::Region":
		return region
	case "AWS::Partition":
		return "aws"
	}
	if v, ok := s.params[name]; ok {
		return v
	}
	if text(at(s.section("Resources")[name], "Type")) == "AWS::SecretsManager::Secret" {
		return s.arn(name)
	}
	if n := s.names[name]; n != "" {
		return n
	}
	if s.section("Resources")[name] == nil {
		s.fault("there is no parameter or resource %s", name)
	}
	return name
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9:.]+)\}`)

func (s *Stack) sub(format string) string {
	return placeholder.ReplaceAllStringFunc(format, func(p string) string {
		name := p[2 : len(p)-1]
		if id, attr, ok := strings.Cut(name, "."); ok {
			return text(s.attribute(id, attr))
		}
		return text(s.ref(name))
	})
}

func (s *Stack) attribute(id, attr string) any {
	switch {
	case s.section("Resources")[id] == nil && id != "ApiUrl": // SAM makes that one
		s.fault("there is no resource %s", id)
	case attr == "Arn":
		return s.arn(id)
	case s.names[id] != "":
		return s.names[id]
	}
	return id + "." + attr
}

// arn is the ARN of a resource; one that is not told apart by its name has its id in it.
func (s *Stack) arn(id string) string {
	typ, name := text(at(s.section("Resources")[id], "Type")), s.names[id]
	format := map[string]string{
		"AWS::DynamoDB::Table": "dynamodb:R:A:table/", "AWS::SQS::Queue": "sqs:R:A:", "AWS::S3::Bucket": "s3:::",
		"AWS::SecretsManager::Secret": "secretsmanager:R:A:secret:", "AWS::Serverless::Function": "lambda:R:A:function:",
		"AWS::ECS::Cluster": "ecs:R:A:cluster/", "AWS::ECS::TaskDefinition": "ecs:R:A:task-definition/",
	}[typ]
	switch typ {
	case "AWS::Logs::LogGroup":
		return "arn:aws:logs:" + region + ":" + accountID + ":log-group:" + name + ":*"
	case "AWS::IAM::Role":
		return "arn:aws:iam::" + accountID + ":role/" + id
	}
	if format == "" {
		return id + ".Arn"
	}
	return "arn:aws:" + strings.Replace(format, "R:A", region+":"+accountID, 1) + name
}

// at is what a map has under a key, nil if there is none.
func at(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

// dig is what lies in maps inside each other.
func dig(v any, keys ...string) any {
	for _, k := range keys {
		v = at(v, k)
	}
	return v
}

// text is a value as text, empty for none.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// texts are the texts of a list; one text is a list of it.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, len(v))
		for i, e := range v {
			out[i] = text(e)
		}
		return out
	}
	return []string{text(v)}
}

func list(ss []string) []any {
	out := make([]any, len(ss))
	for i, s := range ss {
		out[i] = s
	}
	return out
}

// of are the resources of a type, by id.
func (s *Stack) of(typ string) []string {
	var out []string
	for id, r := range s.Resources {
		if r.Type == typ {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
