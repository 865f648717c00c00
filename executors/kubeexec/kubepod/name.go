package kubepod

import (
	"crypto/md5" // Airflow's labels end in it; nothing is kept secret
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/run"
)

// maxLabel is how long the value of a label, and the host name of a pod, may be.
const maxLabel = 63

// Name is the name of an attempt's pod, the same as often as it is started: a pod that is
// made twice is one pod. An attempt is executed again with the same try if it was
// rescheduled, which is told by when it was executed last, and if its run was deleted and
// made again, which is told by when that was queued.
func Name(w *executors.Work) string {
	const hash = 16
	a := w.Attempt()
	slug := strings.Trim(slugOf(a.DAG)+"-"+slugOf(a.Task), "-")
	slug = strings.TrimRight(slug[:min(len(slug), maxLabel-1-hash)], "-")
	if slug == "" {
		slug = "task"
	}
	return slug + "-" + digest(a, millis(w.Run.QueuedAt), millis(w.Instance.Start))[:hash]
}

// slugOf is a text in the letters that names may have.
func slugOf(s string) string {
	s = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return ' '
	}, strings.ToLower(s))
	return strings.Join(strings.Fields(s), "-")
}

// millis is a time with the precision that all stores keep.
func millis(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// digest is 64 characters that follow from an attempt and more.
func digest(a run.Attempt, more ...string) string {
	b, err := json.Marshal(append([]string{a.DAG, a.Run, a.Task, strconv.Itoa(a.Map), strconv.Itoa(a.Try)}, more...))
	if err != nil {
		b = []byte(a.String()) // texts can always be marshalled
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// annotations name an attempt exactly.
func annotations(a run.Attempt) map[string]string {
	out := map[string]string{
		kubeevent.AnnotationDAG: a.DAG, kubeevent.AnnotationTask: a.Task, kubeevent.AnnotationRun: a.Run,
		kubeevent.AnnotationTry: strconv.Itoa(a.Try),
	}
	if a.Map != run.Unmapped {
		out[kubeevent.AnnotationMap] = strconv.Itoa(a.Map)
	}
	return out
}

// Labels are those of every pod for tasks of an installation; with them pods are found.
func Labels(installation string) map[string]string {
	return map[string]string{
		kubeevent.LabelManagedBy: kubeevent.ManagedBy, kubeevent.LabelInstallation: installation, kubeevent.LabelRole: kubeevent.RoleTask,
	}
}

func (b *Builder) labels(a run.Attempt) map[string]string {
	out := Labels(b.cfg.Installation)
	out[kubeevent.LabelAirflow] = kubeevent.True
	for k, v := range annotations(a) {
		out[k] = LabelValue(v)
	}
	return out
}

// LabelValue is a text as the value of a label, as Airflow makes it: what a label cannot
// have is left away, and the text's hash takes its place.
func LabelValue(s string) string {
	const hash = 9
	safe := strings.TrimLeft(s, labelOutside(s))
	safe = strings.TrimRight(safe, labelOutside(safe))
	safe = strings.Map(func(r rune) rune {
		if alphanumeric(r) || r == '_' || r == '-' || r == '.' {
			return r
		}
		return -1
	}, safe)
	if safe == s && len(safe) <= maxLabel {
		return safe
	}
	sum := md5.Sum([]byte(s))
	end := hex.EncodeToString(sum[:])[:hash]
	if safe == "" {
		return end
	}
	return safe[:min(len(safe), maxLabel-hash-1)] + "-" + end
}

// labelOutside are the characters of a text with which no label begins or ends.
func labelOutside(s string) string {
	return strings.Map(func(r rune) rune {
		if alphanumeric(r) {
			return -1
		}
		return r
	}, s)
}

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// Attempt is the attempt that a pod was made for. The error says what is odd about a pod
// that was not made here.
func Attempt(pod *corev1.Pod) (run.Attempt, error) {
	if pod.Labels[kubeevent.LabelManagedBy] != kubeevent.ManagedBy {
		return run.Attempt{}, fmt.Errorf("pod %s has no label %s=%s: it is none of Updraft's", pod.Name, kubeevent.LabelManagedBy, kubeevent.ManagedBy)
	}
	text := func(key string) string { return pod.Annotations[key] }
	a := run.Attempt{Key: run.Key{
		ID: run.ID{DAG: text(kubeevent.AnnotationDAG), Run: text(kubeevent.AnnotationRun)}, Task: text(kubeevent.AnnotationTask), Map: run.Unmapped,
	}}
	if a.DAG == "" || a.Run == "" || a.Task == "" {
		return run.Attempt{}, fmt.Errorf("pod %s lacks one of the annotations %s, %s, %s", pod.Name, kubeevent.AnnotationDAG, kubeevent.AnnotationRun, kubeevent.AnnotationTask)
	}
	var err error
	if a.Try, err = strconv.Atoi(text(kubeevent.AnnotationTry)); err != nil || a.Try < 1 {
		return run.Attempt{}, fmt.Errorf("annotation %s of pod %s is %.40q: it should be the number of a try", kubeevent.AnnotationTry, pod.Name, text(kubeevent.AnnotationTry))
	}
	if m, there := pod.Annotations[kubeevent.AnnotationMap]; there {
		if a.Map, err = strconv.Atoi(m); err != nil || a.Map < 0 {
			return run.Attempt{}, fmt.Errorf("annotation %s of pod %s is %.40q: it should be a map index", kubeevent.AnnotationMap, pod.Name, m)
		}
	}
	return a, nil
}

// Worker is the name in the claims that a pod makes.
func Worker(pod *corev1.Pod) string {
	return kubeevent.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}.WorkerName()
}

// union is the entries of all maps, the later ones before the earlier.
func union(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}
