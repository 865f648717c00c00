package podrun

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/updraft-dev/updraft/run"
)

// seen is a pod as the API server has it.
type seen struct {
	pod *corev1.Pod
	// gone says that it is not there any more.
	gone bool
	// err says that it cannot be watched.
	err error
}

// watch tells every state of a pod that it hears of, through all that interrupts a watch, until
// stop is called, which leaves nothing behind.
func (r *runner) watch(ctx context.Context, pod *corev1.Pod) (states <-chan seen, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan seen)
	tell := func(s seen) {
		select {
		case out <- s:
		case <-ctx.Done():
		}
	}
	see := func(object any, gone bool) {
		if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = last.Obj
		}
		if p, ok := object.(*corev1.Pod); ok {
			// Another pod of the name is not ours.
			tell(r.confirmed(ctx, seen{pod: p, gone: gone || p.UID != pod.UID}))
		}
	}
	informer := cache.NewSharedInformer(r.listWatch(pod), &corev1.Pod{}, 0)
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { // it has not been started
		if apierrors.IsForbidden(err) {
			tell(seen{err: fail(run.CauseConfig, "pods cannot be watched: %w: allow get, list and watch of pods in namespace %s", err, pod.Namespace)})
		}
	})
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{ // it has not been stopped
		AddFunc:    func(o any) { see(o, false) },
		UpdateFunc: func(_, o any) { see(o, false) },
		DeleteFunc: func(o any) { see(o, true) },
	})
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	running.Go(func() { r.vanished(ctx, pod, informer, tell) })
	return out, func() {
		cancel()
		running.Wait()
	}
}

// vanished tells of a pod that was gone before it was listed: nobody else would.
func (r *runner) vanished(ctx context.Context, pod *corev1.Pod, informer cache.SharedInformer, tell func(seen)) {
	if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) && len(informer.GetStore().List()) == 0 {
		if s := r.confirmed(ctx, seen{pod: pod, gone: true}); s.gone {
			tell(s)
		}
	}
}

// confirmed asks for a pod that seems to be gone: the first list may come from a cache of the
// API server that has not heard of the pod yet.
func (r *runner) confirmed(ctx context.Context, s seen) seen {
	if !s.gone {
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if there, err := r.client.CoreV1().Pods(s.pod.Namespace).Get(ctx, s.pod.Name, metav1.GetOptions{}); err == nil && there.UID == s.pod.UID {
		return seen{pod: there}
	}
	return s
}

func (r *runner) listWatch(pod *corev1.Pod) *cache.ListWatch {
	pods, only := r.client.CoreV1().Pods(pod.Namespace), fields.OneTermEqualSelector("metadata.name", pod.Name).String()
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = only
			return pods.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = only
			return pods.Watch(ctx, o)
		},
	}
}

// events are what Kubernetes says of a pod; none if they may not be read.
func (r *runner) events(ctx context.Context, pod *corev1.Pod) []corev1.Event {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	const most = 200
	found, err := r.client.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(pod.UID)).String(), Limit: most,
	})
	if err != nil {
		return nil
	}
	return found.Items
}
