package kubecause_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubecause"
	"github.com/updraft-dev/updraft/run"
)

// recording is a pod as a cluster had it (testdata/record).
type recording struct {
	Pod    *corev1.Pod    `json:"pod"`
	Events []corev1.Event `json:"events"`
}

// load reads all recordings of a folder, by their names.
func load[T any](t *testing.T, folder string) map[string]T {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]T{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v T
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = v
	}
	return out
}

// TestRecorded holds what is made of real pods: how they ended, or else why they wait.
func TestRecorded(t *testing.T) {
	t.Parallel()
	type want struct {
		cause  run.Cause
		exit   int
		reason string // a part
	}
	ended := map[string]want{
		"completed":       {},
		"exit-code":       {run.CauseTask, 3, "the container ended with exit code 3"},
		"oom":             {run.CauseOOM, 137, "ran out of memory (limit 64Mi)"},
		"start-error":     {run.CauseImage, 128, "cannot be started: a program or a mounted file is not there"},
		"deadline":        {run.CauseTimeout, 2, "longer than its activeDeadlineSeconds"},
		"deleted":         {run.CauseUser, 137, "deleted by somebody"},
		"evicted-storage": {run.CauseTask, 2, "ask for more (resources: ephemeral_storage) (Pod ephemeral local storage usage exceeds the total limit of containers 10Mi.)"},
		"evicted-volume":  {run.CauseTask, 2, "ask for more (resources: ephemeral_storage) (Usage of EmptyDir volume \"v\" exceeds the limit \"10Mi\".)"},
		"init-failed":     {run.CauseTask, 0, "init container prepare ended with exit code 4"},
	}
	gone := map[string]want{
		"evicted-api": {run.CauseInfra, 0, "the pod was evicted"},
		"preempted":   {run.CauseInfra, 0, "preempted by one of a higher priority"},
	}
	type waits struct {
		fatal  bool
		cause  run.Cause
		reason string // a part
	}
	waiting := map[string]waits{
		"never-pull":   {true, run.CauseImage, "container base: the image is not on the node"},
		"invalid-name": {true, run.CauseImage, "the name of the image is none"},
		"pull-error":   {false, run.CauseInfra, "the registry is out of reach"},
		"pull-backoff": {false, run.CauseInfra, "the registry is out of reach"},
		"no-secret":    {true, run.CauseConfig, `something that is not there: make it, or leave it away (secret "none" not found)`},
		"as-root":      {true, run.CauseConfig, "the pod may not run as root"},
		"no-volume":    {true, run.CauseConfig, `secret "none" not found`},
		"selector":     {false, run.CauseInfra, "no node takes the pod: of 1 node, 1 does not match its node selector or affinity"},
		"too-large":    {false, run.CauseInfra, "of 1 node, 1 lacks cpu, 1 lacks memory"},
		"claim":        {false, run.CauseInfra, `of 1 node, persistentvolumeclaim "none" not found`},
		"gated":        {false, run.CauseInfra, "scheduling gates"},
	}
	for name, r := range load[recording](t, "recorded") {
		end, over := kubecause.Ended(r.Pod, r.Events)
		wait, pending := kubecause.Waiting(r.Pod, r.Events, r.Pod.CreationTimestamp.Time)
		last := kubecause.Gone(r.Pod, r.Events)
		switch {
		case has(ended, name):
			w := ended[name]
			if !over || pending || end.Cause != w.cause || end.ExitCode != w.exit || !strings.Contains(end.Reason, w.reason) || (w.reason == "") != (end.Reason == "") || last != end {
				t.Errorf("%s: it has ended: %t, %+v; want %+v", name, over, end, w)
			}
		case has(gone, name):
			w := gone[name]
			if over || pending || !last.Started || last.Cause != w.cause || last.ExitCode != w.exit || !strings.Contains(last.Reason, w.reason) {
				t.Errorf("%s: it is gone: %+v; want %+v", name, last, w)
			}
		case has(waiting, name):
			w := waiting[name]
			if over || !pending || wait.Fatal != w.fatal || wait.Cause != w.cause || !strings.Contains(wait.Reason, w.reason) {
				t.Errorf("%s: it waits: %t, %+v; want %+v", name, pending, wait, w)
			}
		default:
			t.Errorf("%s was recorded, and nobody says what to make of it: %+v, %+v", name, end, wait)
		}
		delete(ended, name)
		delete(gone, name)
		delete(waiting, name)
	}
	if len(ended)+len(gone)+len(waiting) > 0 {
		t.Errorf("not recorded: %v %v %v", ended, gone, waiting)
	}
}

func has[T any](m map[string]T, key string) bool {
	_, there := m[key]
	return there
}

// TestRefusedRecorded holds what is made of real refusals.
func TestRefusedRecorded(t *testing.T) {
	t.Parallel()
	want := map[string]kubecause.Refusal{ // Reason is a part
		"quota-full":   {Wait: true, Cause: run.CauseQuota, Reason: "quota team has no room at present: the pod asks for requests.memory=100Mi, requests.memory=100Mi are used, of requests.memory=128Mi"},
		"quota-never":  {Cause: run.CauseQuota, Reason: "the pod asks for 256Mi of requests.memory, and quota team allows 128Mi altogether"},
		"quota-unsaid": {Cause: run.CauseQuota, Reason: "must specify requests.memory for: base"},
		"limit-max":    {Cause: run.CauseQuota, Reason: "LimitRange allows less memory: ask for less (resources: memory)"},
		"limit-min":    {Cause: run.CauseQuota, Reason: "minimum memory usage per Container is 32Mi, but request is 16Mi"},
		"no-account":   {Cause: run.CauseConfig, Reason: "service account is not there"},
		"no-priority":  {Cause: run.CauseConfig, Reason: "priority class is not there"},
		"no-namespace": {Wait: true, Cause: run.CauseInfra, Reason: "the namespace is not there"},
		"no-right":     {Wait: true, Cause: run.CauseInfra, Reason: "the controller may not make pods"},
		"terminating":  {Wait: true, Cause: run.CauseInfra, Reason: "the namespace is being deleted"},
		"invalid":      {Cause: run.CauseConfig, Reason: `the pod is not valid (spec.volumes[1].name: Duplicate value: "v")`},
		"pod-security": {Cause: run.CauseConfig, Reason: `pod security standard does not allow the pod: leave away what it names (violates PodSecurity "restricted:latest"`},
	}
	for name, s := range load[metav1.Status](t, "refused") {
		w, there := want[name]
		got := kubecause.Refused(&apierrors.StatusError{ErrStatus: s})
		if !there || got.Wait != w.Wait || got.Cause != w.Cause || got.After != time.Duration(0) || !strings.Contains(got.Reason, w.Reason) {
			t.Errorf("%s: got %+v, want %+v", name, got, w)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not recorded: %v", want)
	}
}
