package kubecause

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// Refusal is why the API server did not take a pod.
type Refusal struct {
	// Wait says that it may take the same pod later, After is how long it wants to be left
	// alone for at least. Otherwise the attempt has failed.
	Wait  bool
	After time.Duration
	Cause run.Cause
	// Reason is one sentence.
	Reason string
}

// Err is the refusal as executors answer it: executors.ErrBusy with the reason if the pod
// may be taken later, and else an *executors.RefusedError.
func (r *Refusal) Err() error {
	if r.Wait {
		return fmt.Errorf("%w: %s", executors.ErrBusy, r.Reason)
	}
	return &executors.RefusedError{Cause: r.Cause, Reason: r.Reason}
}

// Refused says why a pod could not be made, by the error of its creation. That there is one
// of its name already is not for it.
func Refused(err error) Refusal {
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		return Refusal{Wait: true, Cause: run.CauseInfra, Reason: sentence("the API server is out of reach", err.Error())}
	}
	s := api.Status()
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		return Refusal{Wait: true, After: time.Duration(seconds) * time.Second, Cause: run.CauseInfra, Reason: sentence("the API server takes no more requests at present", s.Message)}
	}
	if strings.Contains(s.Message, "exceeded quota: ") {
		return quota(s.Message)
	}
	if r := find(refusalRows(), string(s.Reason), s.Message); r != nil {
		return Refusal{Wait: r.wait, Cause: r.cause, Reason: r.sentence(told(&s))}
	}
	if s.Code >= http.StatusInternalServerError || s.Code == http.StatusTooManyRequests || s.Code == 0 {
		return Refusal{Wait: true, Cause: run.CauseInfra, Reason: sentence("the API server cannot take the pod at present", s.Message)}
	}
	return Refusal{Cause: run.CauseConfig, Reason: sentence("the API server does not take the pod", told(&s))}
}

// preamble is what messages begin with that say nothing new: the pod's name.
var preamble = regexp.MustCompile(`^(?:pods? "[^"]*" is (?:forbidden|invalid): |Pod "[^"]*" is invalid: )`)

// told is what a status says, field by field if it does.
func told(s *metav1.Status) string {
	if s.Details != nil && len(s.Details.Causes) > 0 && s.Reason == metav1.StatusReasonInvalid {
		var parts []string
		for _, c := range s.Details.Causes {
			parts = append(parts, strings.TrimPrefix(c.Field+": ", ": ")+c.Message)
		}
		return strings.Join(parts, "; ")
	}
	return preamble.ReplaceAllString(s.Message, "")
}

// refusalRows are the refusals of pods, by the reason and message of the API's status. The
// messages are those of the API server's admission plug-ins; k8s.io/kubernetes 1.34.
func refusalRows() []row {
	const less = "the namespace's LimitRange does not allow the pod: ask for less, or for more"
	return []row{
		{detail: "failed quota: ", cause: run.CauseQuota, reason: "the namespace's quota wants to be told what the pod needs: write it into the pod template or pod_override", told: true},
		{detail: "maximum memory usage per", cause: run.CauseQuota, reason: "the namespace's LimitRange allows less memory: ask for less (resources: memory)", told: true},
		{detail: "maximum cpu usage per", cause: run.CauseQuota, reason: "the namespace's LimitRange allows less CPU: ask for less (resources: cpu)", told: true},
		{detail: "usage per Container is", cause: run.CauseQuota, reason: less, told: true},
		{detail: "usage per Pod is", cause: run.CauseQuota, reason: less, told: true},
		{detail: "limit to request ratio per", cause: run.CauseQuota, reason: less, told: true},
		{detail: "violates PodSecurity", cause: run.CauseConfig, reason: "the namespace's pod security standard does not allow the pod: leave away what it names", told: true},
		{detail: "admission webhook", cause: run.CauseConfig, reason: "an admission webhook of the cluster refuses the pod", told: true},
		{detail: "ValidatingAdmissionPolicy", cause: run.CauseConfig, reason: "an admission policy of the cluster refuses the pod", told: true},
		{detail: `serviceaccount "default" not found`, cause: run.CauseInfra, reason: "the namespace is being set up", wait: true},
		{detail: "error looking up service account", cause: run.CauseConfig, reason: "the pod's service account is not there: make it, or name another", told: true},
		{detail: "no PriorityClass with name", cause: run.CauseConfig, reason: "the pod's priority class is not there: make it, or name another", told: true},
		{detail: "because it is being terminated", cause: run.CauseInfra, reason: "the namespace is being deleted", wait: true, told: true},
		{code: string(metav1.StatusReasonForbidden), detail: "cannot create resource", cause: run.CauseInfra, reason: "the controller may not make pods: give its service account the role of the chart", wait: true, told: true},
		{code: string(metav1.StatusReasonUnauthorized), cause: run.CauseInfra, reason: "the API server does not know the controller: are its credentials valid?", wait: true, told: true},
		{code: string(metav1.StatusReasonNotFound), cause: run.CauseInfra, reason: "the namespace is not there: make it", wait: true, told: true},
		{code: string(metav1.StatusReasonConflict), cause: run.CauseInfra, reason: "somebody else changed the quota at the same time", wait: true},
		{code: string(metav1.StatusReasonInvalid), cause: run.CauseConfig, reason: "the pod is not valid", told: true},
		{code: string(metav1.StatusReasonRequestEntityTooLarge), cause: run.CauseConfig, reason: "the pod is too large for the API: write less into pod_override and the pod template", told: true},
	}
}

// exceeded takes the message of a quota apart.
var exceeded = regexp.MustCompile(`exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: (.+)$`)

// quota judges a pod that is more than a quota leaves. It waits for others to end, unless it
// asks for more than the quota has altogether.
func quota(message string) Refusal {
	m := exceeded.FindStringSubmatch(line(message))
	if m == nil {
		return Refusal{Wait: true, Cause: run.CauseQuota, Reason: sentence("the namespace's quota has no room", message)}
	}
	requested, limited := amounts(m[2]), amounts(m[4])
	for name, want := range requested {
		if limit, there := limited[name]; there && want.Cmp(limit) > 0 {
			return Refusal{Cause: run.CauseQuota, Reason: fmt.Sprintf(
				"the pod asks for %s of %s, and quota %s allows %s altogether: ask for less, or have it raised", want.String(), name, m[1], limit.String())}
		}
	}
	return Refusal{Wait: true, Cause: run.CauseQuota, Reason: fmt.Sprintf(
		"quota %s has no room at present: the pod asks for %s, %s are used, of %s", m[1], m[2], m[3], m[4])}
}

// amounts reads requests.cpu=1,requests.memory=2Gi.
func amounts(list string) map[string]resource.Quantity {
	out := map[string]resource.Quantity{}
	for _, part := range strings.Split(list, ",") {
		name, text, _ := strings.Cut(part, "=")
		if q, err := resource.ParseQuantity(text); err == nil {
			out[name] = q
		}
	}
	return out
}
