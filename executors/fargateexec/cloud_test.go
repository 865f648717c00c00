package fargateexec_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// runTask is what a call of RunTask says.
type runTask struct {
	Cluster, TaskDefinition, ClientToken, StartedBy, LaunchType, PlatformVersion string
	Count                                                                        int
	CapacityProviderStrategy                                                     []struct{ CapacityProvider string }
	NetworkConfiguration                                                         struct {
		AwsvpcConfiguration struct {
			Subnets, SecurityGroups []string
			AssignPublicIP          string `json:"assignPublicIp"`
		}
	}
	Overrides struct {
		ContainerOverrides []struct {
			Name    string
			Command []string
		}
		CPU              string `json:"cpu"`
		Memory           string
		EphemeralStorage struct {
			SizeInGiB int `json:"sizeInGiB"`
		}
	}
	Tags []struct{ Key, Value string }
}

func (r *runTask) attempt(t testing.TB) run.Attempt {
	t.Helper()
	o := r.Overrides.ContainerOverrides
	if len(o) != 1 || len(o[0].Command) != 2 || o[0].Command[0] != ecsevent.Command {
		t.Fatalf("the overrides are %+v", r.Overrides)
	}
	e, err := queue.Decode([]byte(o[0].Command[1]))
	if err != nil {
		t.Fatal(err)
	}
	return e.Attempt
}

// cloud answers as the API of ECS does.
type cloud struct {
	t      testing.TB
	config aws.Config
	// answer, if there is one, answers a call of RunTask in place of the cloud; "" if not.
	answer func(r *runTask) string

	mu       sync.Mutex
	runs     []runTask // each token once
	asked    []runTask // all of them
	calls    map[string][]string
	families map[string]string // task definitions registered, as JSON
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	c := &cloud{t: t, calls: map[string][]string{}, families: map[string]string{
		"base": `{"family":"base","taskDefinitionArn":"arn:base:1","status":"ACTIVE","cpu":"1024","memory":"4096","networkMode":"awsvpc","taskRoleArn":"role",
			"requiresCompatibilities":["FARGATE"],"containerDefinitions":[{"name":"side","image":"side:1"},{"name":"worker","image":"updraft:1","entryPoint":["/updraft"]}]}`,
	}}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	c.config = aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL), HTTPClient: client, Credentials: aws.AnonymousCredentials{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return // the client is gone
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c.calls[action] = append(c.calls[action], string(body))
	var status = http.StatusOK
	out := ""
	switch action {
	case "RunTask":
		status, out = c.runTask(body)
	case "DescribeTaskDefinition":
		var in struct{ TaskDefinition string }
		c.read(body, &in)
		if def, ok := c.families[in.TaskDefinition]; ok {
			out = `{"taskDefinition":` + def + `}`
		} else {
			status, out = http.StatusBadRequest, `{"__type":"ClientException","message":"Unable to describe task definition."}`
		}
	case "RegisterTaskDefinition":
		var in struct{ Family string }
		c.read(body, &in)
		c.families[in.Family] = string(body)
		out = `{}`
	case "ListTasks":
		out = c.listTasks(body)
	case "DescribeTasks":
		out = c.describeTasks(body)
	case "StopTask":
		out = `{}`
		if strings.Contains(string(body), "gone") {
			status, out = http.StatusBadRequest, `{"__type":"InvalidParameterException","message":"The referenced task was not found."}`
		}
	default:
		c.t.Errorf("call of %q", action)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprint(w, out)
}

func (c *cloud) read(body []byte, to any) {
	if err := json.Unmarshal(body, to); err != nil {
		c.t.Errorf("read %s: %v", body, err)
	}
}

func (c *cloud) runTask(body []byte) (int, string) {
	var r runTask
	c.read(body, &r)
	c.asked = append(c.asked, r)
	if c.answer != nil {
		if s := c.answer(&r); s != "" {
			if strings.Contains(s, "__type") {
				return http.StatusBadRequest, s
			}
			return http.StatusOK, s
		}
	}
	if r.attempt(c.t).Task == executortest.Broken {
		return http.StatusOK, `{"failures":[{"reason":"RESOURCE:MEMORY"}],"tasks":[]}`
	}
	if !slices.ContainsFunc(c.runs, func(other runTask) bool { return other.ClientToken == r.ClientToken }) {
		c.runs = append(c.runs, r)
	}
	return http.StatusOK, `{"failures":[],"tasks":[{"taskArn":"arn:x"}]}`
}

// listTasks lists the running tasks of an attempt, or else the stopped ones in two pages.
func (c *cloud) listTasks(body []byte) string {
	var in struct{ StartedBy, DesiredStatus, NextToken string }
	c.read(body, &in)
	switch {
	case in.StartedBy != "":
		if slices.ContainsFunc(c.runs, func(r runTask) bool { return r.StartedBy == in.StartedBy }) {
			return `{"taskArns":["arn:running","arn:gone"]}`
		}
		return `{"taskArns":[]}`
	case in.DesiredStatus != "STOPPED":
		c.t.Errorf("ListTasks %s", body)
	case in.NextToken == "":
		return `{"taskArns":["arn:1","arn:2"],"nextToken":"more"}`
	}
	return `{"taskArns":["arn:3"]}`
}

// describeTasks describes whatever was started, as ended with exit code 3, somebody's task,
// and one that is still stopping.
func (c *cloud) describeTasks(body []byte) string {
	if !strings.Contains(string(body), "TAGS") {
		c.t.Errorf("DescribeTasks %s: without tags", body)
	}
	tasks := []string{
		`{"taskArn":"arn:aws:ecs:x:1:task/c/other","lastStatus":"STOPPED","startedBy":"somebody"}`,
		`{"taskArn":"arn:aws:ecs:x:1:task/c/nameless","lastStatus":"STOPPED","startedBy":"updraft/x"}`,
	}
	for i, r := range c.runs {
		overrides, err := json.Marshal(map[string]any{"containerOverrides": []map[string]any{{"name": "worker", "command": r.Overrides.ContainerOverrides[0].Command}}})
		if err != nil {
			c.t.Error(err)
		}
		status := "STOPPED"
		if i > 0 {
			status = "STOPPING"
		}
		tasks = append(tasks, fmt.Sprintf(`{"taskArn":"arn:aws:ecs:x:1:task/c/%d","lastStatus":%q,"startedBy":%q,"stopCode":"EssentialContainerExited",
			"stoppedReason":"Essential container in task exited","startedAt":1700000000,"stoppedAt":1700000001.5,"overrides":%s,
			"containers":[{"name":"side","exitCode":0},{"name":"worker","exitCode":3}],"tags":[{"key":"team","value":"x"}]}`, i, status, r.StartedBy, overrides))
	}
	return `{"failures":[],"tasks":[` + strings.Join(tasks, ",") + `]}`
}

func (c *cloud) started() []runTask {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.runs)
}

func (c *cloud) attempts() []run.Attempt {
	var out []run.Attempt
	for _, r := range c.started() {
		out = append(out, r.attempt(c.t))
	}
	return out
}
