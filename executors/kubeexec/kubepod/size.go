package kubepod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/updraft-dev/updraft/executors"
)

// size completes the requests and limits of the main container: of memory and storage what
// is requested is the limit too, so that a pod is not the victim of its neighbours. After
// attempts that ran out of memory there is more of it.
func (b *Builder) size(pod *corev1.Pod, n *executors.Need) error {
	c := &pod.Spec.Containers[0]
	r := &c.Resources
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	if r.Limits == nil {
		r.Limits = corev1.ResourceList{}
	}
	if !has(r, corev1.ResourceCPU) {
		r.Requests[corev1.ResourceCPU] = *resource.NewMilliQuantity(b.cfg.CPUMilli, resource.DecimalSI)
	}
	if !has(r, corev1.ResourceMemory) {
		r.Requests[corev1.ResourceMemory] = *resource.NewQuantity(b.cfg.Memory, resource.BinarySI)
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		pair(r, name)
	}
	for name, limit := range r.Limits {
		if q, there := r.Requests[name]; there && q.Cmp(limit) > 0 {
			return refuse("executor_config of task %s: the pod requests %s of %s, more than its limit of %s: change one of them",
				n.Task, q.String(), name, limit.String())
		}
	}
	b.grow(r, n)
	return nil
}

func has(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	_, request := r.Requests[name]
	_, limit := r.Limits[name]
	return request || limit
}

// pair makes a request of a limit that has none, and a limit of such a request.
func pair(r *corev1.ResourceRequirements, name corev1.ResourceName) {
	request, asked := r.Requests[name]
	limit, capped := r.Limits[name]
	switch {
	case asked && !capped:
		r.Limits[name] = request
	case capped && !asked:
		r.Requests[name] = limit
	}
}

// grow gives more memory than was asked for, if that was not enough before. What the
// author asks for is never made less.
func (b *Builder) grow(r *corev1.ResourceRequirements, n *executors.Need) {
	limit := r.Limits[corev1.ResourceMemory]
	asked := limit.Value()
	later := *n
	later.Memory = 0 // what the author asks for is in the limit, unless an override said otherwise
	grown := later.MemoryOr(asked)
	if b.cfg.MemoryMax > 0 {
		grown = min(grown, max(b.cfg.MemoryMax, asked))
	}
	if grown <= asked {
		return
	}
	q := resource.NewQuantity(grown, resource.BinarySI)
	r.Requests[corev1.ResourceMemory], r.Limits[corev1.ResourceMemory] = *q, *q
}
