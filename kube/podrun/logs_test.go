package podrun

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeclient "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/updraft-dev/updraft/operators/kubernetes"
)

// answers is an API server that gives one answer after the other, the last one for ever. An
// answer that ends in "CUT" is cut off there.
type answers struct {
	mu    sync.Mutex
	texts []string
	asked []string
	came  chan struct{} // if it is there, a request has come
}

func (a *answers) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	a.mu.Lock()
	a.asked = append(a.asked, q.URL.Query().Get("sinceTime"))
	text := a.texts[0]
	if len(a.texts) > 1 {
		a.texts = a.texts[1:]
	}
	a.mu.Unlock()
	if a.came != nil {
		a.came <- struct{}{}
	}
	if code, rest, ok := strings.Cut(text, " STATUS"); ok {
		http.Error(w, rest, map[string]int{"404": 404, "500": 500}[code])
		return
	}
	text, cut := strings.CutSuffix(text, "CUT")
	fmt.Fprint(w, text)
	if cut {
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
		panic(http.ErrAbortHandler)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	const one, two, three = "2024-05-01T00:00:01.1Z ", "2024-05-01T00:00:01.2Z ", "2024-05-01T00:00:02Z "
	for _, tt := range []struct {
		name, prefix string
		answers      []string
		want, last   string
	}{
		{name: "whole", answers: []string{one + "a\n" + two + "b\n" + two + "\n"}, want: "a\nb\n\n", last: "b"},
		{name: "prefix", prefix: "[x] ", answers: []string{one + "a\n" + two + "b"}, want: "[x] a\n[x] b\n", last: "b"},
		{name: "cut between lines", answers: []string{one + "a\n" + two + "b\n" + two + "c\nCUT", one + "a\n" + two + "b\n" + two + "c\n" + two + "d\n" + three + "e\n"}, want: "a\nb\nc\nd\ne\n", last: "e"},
		{name: "cut in a line", answers: []string{one + "a\n" + two + "beginCUT", one + "a\n" + two + "begin and end\n"}, want: "a\nbegin\nbegin and end\n", last: "begin and end"},
		{name: "no times", answers: []string{"a\n"}, want: "a\n", last: "a"},
		{name: "a long line", answers: []string{one + strings.Repeat("x", 3*maxLine) + "\n" + two + "b\n"}, want: strings.Repeat("x", 3*maxLine) + "\nb\n", last: "b"},
		{name: "no pod", answers: []string{"404 STATUS"}},
		{name: "away for a while", answers: []string{"500 STATUS", one + "a\n"}, want: "a\n", last: "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := &answers{texts: tt.answers}
			server := httptest.NewServer(api)
			defer server.Close()
			client, err := kubeclient.NewForConfig(&rest.Config{Host: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			s := &stream{
				r: &runner{client: client, log: &output{w: &got}}, pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n"}},
				container: "base", prefix: tt.prefix, ended: make(chan struct{}),
			}
			close(s.ended)
			s.run(t.Context())
			if got.String() != tt.want {
				t.Errorf("got %.200q, want %.200q", got.String(), tt.want)
			}
			if s.lastLine() != tt.last {
				t.Errorf("the last line is %q, want %q", s.lastLine(), tt.last)
			}
		})
	}
}

// TestStreamReadsOn looks again when the container ends while the output has ended before.
func TestStreamReadsOn(t *testing.T) {
	t.Parallel()
	api := &answers{texts: []string{"2024-05-01T00:00:01Z a\n", "2024-05-01T00:00:01Z a\n2024-05-01T00:00:02Z b\n"}, came: make(chan struct{}, 9)}
	server := httptest.NewServer(api)
	defer server.Close()
	client, err := kubeclient.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	r := &runner{client: client, log: &output{w: &got}, q: &kubernetes.Request{Show: kubernetes.Show{Containers: []string{"*"}}}}
	streams := r.streams(context.WithoutCancel(t.Context()))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n"}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
		{Name: "base", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, {Name: "waits"},
	}}}
	streams.update(pod)
	<-api.came
	streams.end()
	if want := "[base] a\n[base] b\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
	if want := []string{"", "2024-05-01T00:00:01Z"}; !slices.Equal(api.asked, want) {
		t.Errorf("asked for output since %q, want %q", api.asked, want)
	}
}
