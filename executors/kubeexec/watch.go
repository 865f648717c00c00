package kubeexec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
)

// byAttempt is the name of the index of the cache.
const byAttempt = "attempt"

// key is a pod that is to be looked at: by name, and by UID if it is gone.
type key struct {
	name string
	gone types.UID
}

const (
	// Pods that cannot be settled (the store is down) are tried again after these times.
	firstAgain, lastAgain = time.Second, 30 * time.Second
	// settlers is how many pods are settled at the same time.
	settlers = 8
)

// selector is a selector of labels.
func selector(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	return strings.Join(parts, ",")
}

// ours selects all pods of the installation: those of tasks and long-lived ones.
func (e *Executor) ours() string {
	labels := kubepod.Labels(e.cfg.Installation)
	delete(labels, kubeevent.LabelRole)
	return selector(labels)
}

// watch prepares the cache of pods. It calls nobody.
func (e *Executor) watch() error {
	pods := e.cfg.Client.CoreV1().Pods(e.cfg.Namespace)
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			e.counts.lists.Add(1)
			o.LabelSelector = e.ours()
			return pods.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			e.counts.watches.Add(1)
			o.LabelSelector = e.ours()
			return pods.Watch(ctx, o)
		},
	}
	e.pods = cache.NewSharedIndexInformer(lw, &corev1.Pod{}, 0, cache.Indexers{byAttempt: func(obj any) ([]string, error) {
		pod, ok := obj.(*corev1.Pod)
		if !ok {
			return nil, nil
		}
		a, err := kubepod.Attempt(pod)
		if err != nil {
			return nil, nil // a long-lived one, or somebody else's with our labels
		}
		return []string{a.String()}, nil
	}})
	if err := e.pods.SetTransform(slim); err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	_, err := e.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    e.see,
		UpdateFunc: func(_, obj any) { e.see(obj) },
		DeleteFunc: e.seeGone,
	})
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	return nil
}

// defaultContainer is the annotation by which kubecause knows the main container.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// slim leaves of a pod what somebody reads here or in kubecause: a cache of thousands is
// small then.
func slim(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID, ResourceVersion: pod.ResourceVersion, Labels: pod.Labels,
		CreationTimestamp: pod.CreationTimestamp, DeletionTimestamp: pod.DeletionTimestamp, DeletionGracePeriodSeconds: pod.DeletionGracePeriodSeconds,
	}, Status: pod.Status}
	for k, v := range pod.Annotations {
		switch k {
		case defaultContainer, kubeevent.AnnotationDAG, kubeevent.AnnotationTask, kubeevent.AnnotationRun, kubeevent.AnnotationTry, kubeevent.AnnotationMap:
			metav1.SetMetaDataAnnotation(&out.ObjectMeta, k, v)
		}
	}
	out.Spec = corev1.PodSpec{
		NodeName: pod.Spec.NodeName, ActiveDeadlineSeconds: pod.Spec.ActiveDeadlineSeconds, RestartPolicy: pod.Spec.RestartPolicy,
		TerminationGracePeriodSeconds: pod.Spec.TerminationGracePeriodSeconds, ServiceAccountName: pod.Spec.ServiceAccountName,
	}
	for _, pair := range []struct {
		from []corev1.Container
		to   *[]corev1.Container
	}{{pod.Spec.InitContainers, &out.Spec.InitContainers}, {pod.Spec.Containers, &out.Spec.Containers}} {
		for i := range pair.from {
			c := &pair.from[i]
			*pair.to = append(*pair.to, corev1.Container{Name: c.Name, Image: c.Image, ImagePullPolicy: c.ImagePullPolicy, Resources: c.Resources, RestartPolicy: c.RestartPolicy})
		}
	}
	return out, nil
}

// see notes that a pod is new or has changed.
func (e *Executor) see(obj any) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	e.mu.Lock()
	delete(e.fresh, pod.Name)
	e.mu.Unlock()
	e.queue.Add(key{name: pod.Name})
}

// seeGone notes that a pod is gone. What is known of it is what was seen last.
func (e *Executor) seeGone(obj any) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	e.mu.Lock()
	e.gone[pod.UID] = pod
	e.mu.Unlock()
	e.queue.Add(key{name: pod.Name, gone: pod.UID})
}

// Run watches pods until ctx ends, and tells the owner what becomes of them. It is called
// once. Of several controllers only one should run: see Lead.
func (e *Executor) Run(ctx context.Context, o Owner) error {
	e.owner = o
	e.queue = workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[key](firstAgain, lastAgain))
	var all sync.WaitGroup
	defer all.Wait()
	defer e.queue.ShutDown()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all.Go(func() { e.pods.RunWithContext(ctx) })
	if !cache.WaitForCacheSync(ctx.Done(), e.pods.HasSynced) {
		return nil // ctx has ended
	}
	e.synced.Store(true)
	defer e.synced.Store(false)
	for range settlers {
		all.Go(func() { e.settleAll(ctx) })
	}
	t := time.NewTicker(e.cfg.Sweep)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			e.sweep(ctx)
		}
	}
}

// Synced says that the executor knows the pods that there are.
func (e *Executor) Synced() bool { return e.synced.Load() }

// sweep has every pod looked at again, since time alone makes a difference, and ends those
// that nobody needs.
func (e *Executor) sweep(ctx context.Context) {
	now := e.cfg.Now()
	e.mu.Lock()
	maps.DeleteFunc(e.fresh, func(_ string, at time.Time) bool { return now.Sub(at) > e.cfg.Sweep }) // deleted before it was seen
	e.mu.Unlock()
	for _, pod := range e.list() {
		e.queue.Add(key{name: pod.Name})
	}
	if err := e.endOrphans(ctx, now); err != nil {
		e.cfg.Log.WarnContext(ctx, "looking for pods that nobody needs; trying again", "error", err)
	}
}

// list are the pods in the cache. They must not be changed.
func (e *Executor) list() []*corev1.Pod {
	objs := e.pods.GetStore().List()
	out := make([]*corev1.Pod, 0, len(objs))
	for _, obj := range objs {
		if pod, ok := obj.(*corev1.Pod); ok {
			out = append(out, pod)
		}
	}
	return out
}

// attemptIs says that a pod is an attempt's.
func attemptIs(pod *corev1.Pod, a run.Attempt) bool {
	of, err := kubepod.Attempt(pod)
	return err == nil && of == a
}
