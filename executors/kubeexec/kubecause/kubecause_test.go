package kubecause_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubecause"
	"github.com/updraft-dev/updraft/run"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// made is a pod that was made by hand from the API's types: what one node cannot be brought
// to say. Those that a cluster has said are in testdata/recorded.
func made(change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u", CreationTimestamp: metav1.NewTime(now.Add(-time.Minute))},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "proxy"}, {Name: "base"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	change(p)
	return p
}

// terminated has the main container end.
func terminated(p *corev1.Pod, code int32, reason, message string) {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "proxy", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		{Name: "base", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, Message: message, FinishedAt: metav1.NewTime(now),
		}}},
	}
}

// failed has the pod fail as a whole.
func failed(p *corev1.Pod, reason, message string) {
	p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, reason, message
}

func disrupt(p *corev1.Pod, reason string) {
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.NewTime(now),
	})
}

func TestEndedMade(t *testing.T) {
	t.Parallel()
	deleted := metav1.NewTime(now)
	for _, tt := range []struct {
		name   string
		pod    func(*corev1.Pod)
		events []corev1.Event
		want   kubecause.End // its Reason is a part
	}{
		{
			name: "by itself, beside one that goes on", pod: func(p *corev1.Pod) { terminated(p, 0, "Completed", "") },
			want: kubecause.End{Started: true, At: now},
		},
		{
			name: "by itself, in spite of a deletion", pod: func(p *corev1.Pod) { terminated(p, 0, "Completed", ""); p.DeletionTimestamp = &deleted },
			want: kubecause.End{Started: true, At: now},
		},
		{
			name: "out of memory while it was deleted", pod: func(p *corev1.Pod) {
				terminated(p, 137, "OOMKilled", "")
				p.DeletionTimestamp = &deleted
				p.Spec.Containers[1].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
			},
			want: kubecause.End{Started: true, At: now, Cause: run.CauseOOM, ExitCode: 137, Reason: "ran out of memory (limit 1Gi): ask for more"},
		},
		{
			name: "out of memory by an event", pod: func(p *corev1.Pod) { terminated(p, 137, "Error", "") },
			events: []corev1.Event{{Reason: "OOMKilling", InvolvedObject: corev1.ObjectReference{Kind: "Node"}}},
			want:   kubecause.End{Started: true, At: now, Cause: run.CauseOOM, ExitCode: 137, Reason: "ran out of memory: ask for more"},
		},
		{
			name: "killed, and another pod out of memory", pod: func(p *corev1.Pod) { terminated(p, 137, "Error", "") },
			events: []corev1.Event{{Reason: "OOMKilling", InvolvedObject: corev1.ObjectReference{Kind: "Pod", UID: "other"}}},
			want:   kubecause.End{Started: true, At: now, Cause: run.CauseInfra, ExitCode: 137, Reason: "was killed"},
		},
		{name: "no report", pod: func(p *corev1.Pod) { terminated(p, 75, "Error", "") }, want: kubecause.End{Started: true, At: now, Cause: run.CauseInfra, ExitCode: 75, Reason: "could not store its report"}},
		{name: "crash", pod: func(p *corev1.Pod) { terminated(p, 139, "Error", "") }, want: kubecause.End{Started: true, At: now, Cause: run.CauseTask, ExitCode: 139, Reason: "SIGSEGV"}},
		{name: "asked to stop", pod: func(p *corev1.Pod) { terminated(p, 143, "Error", "") }, want: kubecause.End{Started: true, At: now, Cause: run.CauseInfra, ExitCode: 143, Reason: "asked to stop"}},
		{
			name: "deleted", pod: func(p *corev1.Pod) { terminated(p, 143, "Error", ""); p.DeletionTimestamp = &deleted },
			want: kubecause.End{Started: true, At: now, Cause: run.CauseUser, ExitCode: 143, Reason: "deleted by somebody"},
		},
		{
			name: "node lost", pod: func(p *corev1.Pod) { failed(p, "NodeLost", "Node n which was running pod p is unresponsive") },
			want: kubecause.End{Cause: run.CauseInfra, Reason: "node of the pod was lost (Node n"},
		},
		{
			name: "node shut down", pod: func(p *corev1.Pod) {
				terminated(p, 143, "Error", "")
				failed(p, "Terminated", "Pod was terminated in response to imminent node shutdown.")
			},
			want: kubecause.End{Started: true, At: now, Cause: run.CauseInfra, ExitCode: 143, Reason: "the node was shut down"},
		},
		{
			name: "evicted for memory", pod: func(p *corev1.Pod) {
				terminated(p, 137, "Error", "")
				failed(p, "Evicted", "The node was low on resource: memory. Threshold quantity: 100Mi, available: 64Mi. Container base was using 2Gi, request is 0, has larger consumption of memory. ")
			},
			want: kubecause.End{Started: true, At: now, Cause: run.CauseInfra, ExitCode: 137, Reason: "the node ran out of memory and evicted the pod: have tasks request what they use"},
		},
		{
			name: "evicted for disk", pod: func(p *corev1.Pod) {
				failed(p, "Evicted", "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi.")
			},
			want: kubecause.End{Cause: run.CauseInfra, Reason: "the node ran out of disk"},
		},
		{
			name: "not admitted for disk", pod: func(p *corev1.Pod) { failed(p, "Evicted", "Pod The node had condition: [DiskPressure]. ") },
			want: kubecause.End{Cause: run.CauseInfra, Reason: "short of disk and takes no pods"},
		},
		{
			name: "evicted for processes", pod: func(p *corev1.Pod) { failed(p, "Evicted", "The node was low on resource: pids.") },
			want: kubecause.End{Cause: run.CauseInfra, Reason: "the node evicted the pod (The node was low on resource: pids.)"},
		},
		{
			name: "no room", pod: func(p *corev1.Pod) { failed(p, "OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu") },
			want: kubecause.End{Cause: run.CauseInfra, Reason: "had no room for the pod after all"},
		},
		{
			name: "node gone", pod: func(p *corev1.Pod) { failed(p, "", "PodGC: node no longer exists"); disrupt(p, "DeletionByPodGC") },
			want: kubecause.End{At: now, Cause: run.CauseInfra, Reason: "its node is not there any more"},
		},
		{
			name: "lost with the node's restart", pod: func(p *corev1.Pod) { terminated(p, 137, "ContainerStatusUnknown", "x") },
			want: kubecause.End{Started: true, At: now, Cause: run.CauseInfra, ExitCode: 137, Reason: "lost the container"},
		},
		{
			name: "a disruption of a later release", pod: func(p *corev1.Pod) { terminated(p, 143, "Error", ""); disrupt(p, "SomethingNew") },
			want: kubecause.End{Started: true, At: now, Cause: run.CauseInfra, ExitCode: 143, Reason: "disrupted from outside"},
		},
		{
			name: "another architecture", pod: func(p *corev1.Pod) { terminated(p, 128, "StartError", "exec /updraft/task: exec format error") },
			want: kubecause.End{At: now, Cause: run.CauseImage, ExitCode: 128, Reason: "for another architecture (exec /updraft/task"},
		},
		{
			name: "no runner", pod: func(p *corev1.Pod) {
				failed(p, "", "")
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "updraft-runner", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}}}}
			},
			want: kubecause.End{Cause: run.CauseInfra, Reason: "the runner could not be installed into the pod (exit code 1)"},
		},
		{
			name: "init container out of memory", pod: func(p *corev1.Pod) {
				failed(p, "", "")
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "prepare", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}}}
			},
			want: kubecause.End{Cause: run.CauseConfig, Reason: "init container prepare ran out of memory"},
		},
		{
			name: "nothing is told", pod: func(p *corev1.Pod) { failed(p, "SomethingNew", "x\ny") },
			want: kubecause.End{Cause: run.CauseInfra, Reason: "the pod ended before its container has run (SomethingNew x y)"},
		},
	} {
		got, ok := kubecause.Ended(made(tt.pod), tt.events)
		if !ok || !strings.Contains(got.Reason, tt.want.Reason) || (got.Reason == "") != (tt.want.Reason == "") {
			t.Errorf("%s: got %+v, %t; want one with %q", tt.name, got, ok, tt.want.Reason)
		}
		tt.want.Reason = got.Reason
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestNotEnded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*corev1.Pod){
		"pending": func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending },
		"running": func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "base", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		},
		"told to stop": func(p *corev1.Pod) {
			p.DeletionTimestamp = &metav1.Time{Time: now}
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "base", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		},
		"another container ended": func(p *corev1.Pod) {
			terminated(p, 0, "Completed", "")
			p.Status.ContainerStatuses = p.Status.ContainerStatuses[:1]
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		},
		"nothing known": func(p *corev1.Pod) { p.Spec, p.Status = corev1.PodSpec{}, corev1.PodStatus{} },
	} {
		if e, ok := kubecause.Ended(made(change), nil); ok {
			t.Errorf("%s: it has ended: %+v", name, e)
		}
	}
}

// TestDefaultContainer: the annotation of kubectl tells which container a pod is for.
func TestDefaultContainer(t *testing.T) {
	t.Parallel()
	p := made(func(p *corev1.Pod) {
		terminated(p, 3, "Error", "")
		p.Annotations = map[string]string{"kubectl.kubernetes.io/default-container": "proxy"}
	})
	if e, ok := kubecause.Ended(p, nil); ok {
		t.Errorf("the container proxy runs, and the pod has ended: %+v", e)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	deleted := metav1.NewTime(now)
	running := func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "base", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	}
	for _, tt := range []struct {
		name string
		pod  func(*corev1.Pod)
		want kubecause.End
	}{
		{"by force", running, kubecause.End{Started: true, Cause: run.CauseInfra, Reason: "the pod has vanished"}},
		{"by somebody", func(p *corev1.Pod) { running(p); p.DeletionTimestamp = &deleted }, kubecause.End{Started: true, At: now, Cause: run.CauseUser, Reason: "deleted by somebody"}},
		{"by a taint", func(p *corev1.Pod) { running(p); p.DeletionTimestamp = &deleted; disrupt(p, "DeletionByTaintManager") }, kubecause.End{Started: true, At: now, Cause: run.CauseInfra, Reason: "its node was tainted"}},
		{"after its end", func(p *corev1.Pod) { terminated(p, 3, "Error", "") }, kubecause.End{Started: true, At: now, Cause: run.CauseTask, ExitCode: 3, Reason: "exit code 3"}},
		{"before it started", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending; p.DeletionTimestamp = &deleted }, kubecause.End{At: now, Cause: run.CauseUser, Reason: "deleted by somebody"}},
	} {
		got := kubecause.Gone(made(tt.pod), nil)
		if !strings.Contains(got.Reason, tt.want.Reason) {
			t.Errorf("%s: reason %q, want %q in it", tt.name, got.Reason, tt.want.Reason)
		}
		tt.want.Reason = got.Reason
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// waiting is a pod with a node whose main container waits.
func waiting(reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Phase = corev1.PodPending
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{
			{Name: "base", Image: "acme/x:9", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}},
		}
	}
}

func TestWaitingMade(t *testing.T) {
	t.Parallel()
	event := func(reason, message string) []corev1.Event {
		return []corev1.Event{{Reason: reason, Message: message, InvolvedObject: corev1.ObjectReference{Kind: "Pod", UID: "u"}}}
	}
	for _, tt := range []struct {
		name   string
		pod    func(*corev1.Pod)
		events []corev1.Event
		want   kubecause.Wait // its Reason is a part
	}{
		{"new", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending; p.CreationTimestamp.Time = now }, nil, kubecause.Wait{Cause: run.CauseInfra, Reason: "waits for a node"}},
		{"no scheduler", func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }, nil, kubecause.Wait{Cause: run.CauseInfra, Reason: "is kube-scheduler running?"}},
		{"pull QPS", waiting("ErrImagePull", "pull QPS exceeded"), nil, kubecause.Wait{Cause: run.CauseInfra, Reason: "as many images as it may"}},
		{"rate limit", waiting("ErrImagePull", "429 Too Many Requests: toomanyrequests: You have reached your pull rate limit"), nil, kubecause.Wait{Cause: run.CauseInfra, Reason: "takes no more pulls"}},
		{"no image", waiting("ErrImagePull", `failed to resolve reference "acme/x:9": acme/x:9: not found`), nil, kubecause.Wait{Fatal: true, Cause: run.CauseImage, Reason: "since it does not exist"}},
		{"no right", waiting("ErrImagePull", "pull access denied, repository does not exist or may require authorization"), nil, kubecause.Wait{Fatal: true, Cause: run.CauseImage, Reason: "imagePullSecrets"}},
		{"no architecture", waiting("ImagePullBackOff", "no match for platform in manifest: not found"), nil, kubecause.Wait{Fatal: true, Cause: run.CauseImage, Reason: "node's architecture"}},
		{
			"back-off, why is in an event", waiting("ImagePullBackOff", `Back-off pulling image "acme/x:9"`),
			event("Failed", `Failed to pull image "acme/x:9": rpc error: code = NotFound desc = manifest unknown`),
			kubecause.Wait{Fatal: true, Cause: run.CauseImage, Reason: "since it does not exist"},
		},
		{"back-off, nobody says why", waiting("ImagePullBackOff", `Back-off pulling image "acme/x:9"`), nil, kubecause.Wait{Cause: run.CauseImage, Reason: "cannot be pulled yet"}},
		{"no signature", waiting("SignatureValidationFailed", "x"), nil, kubecause.Wait{Fatal: true, Cause: run.CauseImage, Reason: "signature"}},
		{"slow node", waiting("CreateContainerError", "context deadline exceeded"), nil, kubecause.Wait{Cause: run.CauseInfra, Reason: "slow to make the container"}},
		{"bad container", waiting("CreateContainerError", "no command specified"), nil, kubecause.Wait{Fatal: true, Cause: run.CauseImage, Reason: "cannot be made of its image (no command specified)"}},
		{"user by name", waiting("CreateContainerConfigError", "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root"), nil, kubecause.Wait{Fatal: true, Cause: run.CauseConfig, Reason: "runAsUser"}},
		{"pulling", waiting("ContainerCreating", ""), event("Pulling", `Pulling image "acme/x:9"`), kubecause.Wait{Cause: run.CauseInfra, Reason: `being pulled (Pulling image "acme/x:9")`}},
		{"network", waiting("ContainerCreating", ""), event("FailedCreatePodSandBox", "no addresses"), kubecause.Wait{Cause: run.CauseInfra, Reason: "pod's network yet (no addresses)"}},
		{"mount", waiting("ContainerCreating", ""), event("FailedMount", "timed out waiting for the condition"), kubecause.Wait{Cause: run.CauseInfra, Reason: "not mounted yet"}},
		{
			"over and done", waiting("ContainerCreating", ""), append(event("FailedMount", `secret "s" not found`), event("Pulled", "x")...),
			kubecause.Wait{Cause: run.CauseInfra, Reason: "makes its containers"},
		},
		{
			"another pod's", waiting("ContainerCreating", ""), []corev1.Event{{Reason: "FailedMount", Message: `secret "s"`, InvolvedObject: corev1.ObjectReference{UID: "other"}}},
			kubecause.Wait{Cause: run.CauseInfra, Reason: "makes its containers"},
		},
		{"init container", func(p *corev1.Pod) {
			waiting("PodInitializing", "")(p)
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "prepare", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		}, nil, kubecause.Wait{Cause: run.CauseTask, Reason: "init container prepare runs"}},
	} {
		got, ok := kubecause.Waiting(made(tt.pod), tt.events, now)
		if !ok || !strings.Contains(got.Reason, tt.want.Reason) {
			t.Errorf("%s: got %+v, %t; want %q in its reason", tt.name, got, ok, tt.want.Reason)
		}
		tt.want.Reason = got.Reason
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if w, ok := kubecause.Waiting(made(func(*corev1.Pod) {}), nil, now); ok {
		t.Errorf("a running pod waits: %+v", w)
	}
}

func TestCondense(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.":                                     "of 1 node, 1 does not match its node selector or affinity",
		"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.":                                                                        "of 1 node, 1 lacks cpu, 1 lacks memory",
		"0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.": "of 2 nodes, 1 does not match its node selector or affinity, 1 has a taint that it does not tolerate",
		"0/5 nodes are available: 2 node(s) had untolerated taint {spot: true}, 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 1 node(s) were unschedulable, 1 Too many pods.":                                       "of 5 nodes, 2 have the taint spot=true, which it does not tolerate, 1 has the taint node.kubernetes.io/unreachable, which it does not tolerate, 1 is cordoned, 1 has no room for more pods",
		"0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) didn't have free ports for the requested pod ports, 1 node(s) had volume node affinity conflict.":                                     "of 3 nodes, 1 would be against its topology spread constraints, 1 has its host ports taken, 1 had volume node affinity conflict",
		`0/1 nodes are available: persistentvolumeclaim "none" not found. preemption: x`:                                                                                                                                                  `of 1 node, persistentvolumeclaim "none" not found`,
		"no nodes available to schedule pods": "no nodes available to schedule pods",
		"":                                    "",
	} {
		if got := kubecause.Condense(in); got != want {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestRefusedMade(t *testing.T) {
	t.Parallel()
	pods := schema.GroupResource{Resource: "pods"}
	for _, tt := range []struct {
		name string
		err  error
		want kubecause.Refusal // its Reason is a part
	}{
		{"out of reach", errors.New("dial tcp 127.0.0.1:443: connect: connection refused"), kubecause.Refusal{Wait: true, Cause: run.CauseInfra, Reason: "out of reach (dial tcp"}},
		{"throttled", apierrors.NewTooManyRequests("slow down", 7), kubecause.Refusal{Wait: true, After: 7 * time.Second, Cause: run.CauseInfra, Reason: "takes no more requests at present (slow down)"}},
		{"throttled, nobody says for how long", apierrors.NewTooManyRequestsError("x"), kubecause.Refusal{Wait: true, Cause: run.CauseInfra, Reason: "cannot take the pod at present"}},
		{"time-out", apierrors.NewServerTimeout(pods, "create", 2), kubecause.Refusal{Wait: true, After: 2 * time.Second, Cause: run.CauseInfra, Reason: "takes no more requests"}},
		{"webhook down", apierrors.NewInternalError(errors.New(`failed calling webhook "x": connection refused`)), kubecause.Refusal{Wait: true, Cause: run.CauseInfra, Reason: "failed calling webhook"}},
		{"webhook", apierrors.NewBadRequest(`admission webhook "policy.acme.example" denied the request: no image of acme's`), kubecause.Refusal{Cause: run.CauseConfig, Reason: "webhook of the cluster refuses the pod (admission webhook"}},
		{"policy", apierrors.NewForbidden(pods, "p", errors.New("ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no")), kubecause.Refusal{Cause: run.CauseConfig, Reason: "admission policy"}},
		{"credentials", apierrors.NewUnauthorized("Unauthorized"), kubecause.Refusal{Wait: true, Cause: run.CauseInfra, Reason: "are its credentials valid?"}},
		{"quota conflict", apierrors.NewConflict(schema.GroupResource{Resource: "resourcequotas"}, "q", errors.New("modified")), kubecause.Refusal{Wait: true, Cause: run.CauseInfra, Reason: "changed the quota"}},
		{"too large", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), kubecause.Refusal{Cause: run.CauseConfig, Reason: "too large for the API"}},
		{"something new", apierrors.NewBadRequest("no"), kubecause.Refusal{Cause: run.CauseConfig, Reason: "does not take the pod (no)"}},
	} {
		got := kubecause.Refused(tt.err)
		if !strings.Contains(got.Reason, tt.want.Reason) {
			t.Errorf("%s: reason %q, want %q in it", tt.name, got.Reason, tt.want.Reason)
		}
		tt.want.Reason = got.Reason
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		var refused *executors.RefusedError
		if err := got.Err(); errors.Is(err, executors.ErrBusy) != tt.want.Wait || errors.As(err, &refused) == tt.want.Wait {
			t.Errorf("%s: as an error: %v", tt.name, err)
		}
	}
}
