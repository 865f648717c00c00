// Package kubepod makes the pod of an attempt: the installation's template, what follows from
// the attempt, and what authors write in executor_config. It calls nobody, and the same
// attempt has the same pod as often as it is asked.
package kubepod

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// What Config has by default.
const (
	// DefaultCPU is in thousandths of a core, DefaultMemory in bytes.
	DefaultCPU    = 100
	DefaultMemory = 256 << 20
	// DefaultUser is nobody's, as images from scratch have no other.
	DefaultUser = 65534
	// AnyUser leaves the user to the image, or to what the cluster assigns.
	AnyUser = -1
	// DefaultGrace is the minute that a command of a task has between SIGTERM and SIGKILL,
	// and what the runner needs to report.
	DefaultGrace = 75 * time.Second
	// DefaultMargin is the time that a pod has beside its task's execution_timeout: for
	// images to be pulled, and for the runner, which keeps the time-out itself, to report.
	DefaultMargin = 15 * time.Minute
)

// Config is what an installation says of all its pods.
type Config struct {
	// Namespace is where pods are made.
	Namespace string
	// Installation is told from others in the same namespace by this name, a label.
	Installation string
	// Template is the text of a YAML file with a pod (Airflow's pod_template_file);
	// TemplateName is its name in messages. There need be none.
	Template     []byte
	TemplateName string
	// TemplateFile reads the file that an author names by executor_config:
	// pod_template_file. Without it that is refused.
	TemplateFile func(name string) ([]byte, error)
	// Launches says of an operator, by its import path, whether it runs
	// kubeevent.Launcher, which pods of its tasks have then beside the runner. Without it
	// none does.
	Launches func(operator string) bool
	// Image is that of tasks that name none; it goes before the template's. RunnerImage has
	// the runner as its entry point, and kubeevent.Launcher beside it.
	Image, RunnerImage string
	// PullPolicy is that of both images, PullSecrets are added to those of the template.
	PullPolicy  corev1.PullPolicy
	PullSecrets []string
	// ServiceAccount is that of pods whose template names none; it needs no rights.
	ServiceAccount string
	// CPUMilli is what is requested, Memory what is requested and the limit too, where
	// neither template nor author says anything; 0 is for the defaults.
	CPUMilli, Memory int64
	// MemoryMax bounds the memory that a pod gets because it ran out of it; 0 is no bound.
	MemoryMax int64
	// Env are variables of the main container. The variables in the secrets and config maps
	// of EnvFromSecrets and EnvFromConfigMaps are added.
	Env                               map[string]string
	EnvFromSecrets, EnvFromConfigMaps []string
	// Labels and Annotations are added to those of the attempt.
	Labels, Annotations map[string]string
	// User is the user and group of processes; 0 means DefaultUser.
	User int64
	// Grace is the time between SIGTERM and SIGKILL; 0 means DefaultGrace.
	Grace time.Duration
	// Margin is what a pod may live beyond its task's execution_timeout; 0 means
	// DefaultMargin.
	Margin time.Duration
}

// Builder makes pods. Its methods may be called concurrently.
type Builder struct {
	cfg Config
	// template is the installation's, never changed.
	template *corev1.Pod
}

// New checks a configuration and reads its template. Its errors name the setting or the
// line, and the remedy.
func New(cfg Config) (*Builder, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	b := &Builder{cfg: cfg, template: &corev1.Pod{}}
	if len(cfg.Template) > 0 {
		t, err := cfg.parseTemplate(cfg.TemplateName, cfg.Template)
		if err != nil {
			return nil, err
		}
		b.template = t
	}
	if cfg.Image == "" && !hasImage(b.template) {
		return nil, errors.New("the kubernetes executor has no image for its tasks: configure one, or give the container base one in the pod template")
	}
	return b, nil
}

func hasImage(t *corev1.Pod) bool {
	return len(t.Spec.Containers) > 0 && t.Spec.Containers[0].Image != ""
}

func (c *Config) check() error {
	var errs []error
	if faults := validation.IsDNS1123Label(c.Namespace); len(faults) > 0 {
		errs = append(errs, fmt.Errorf("%q is no namespace: %s", c.Namespace, faults[0]))
	}
	if faults := validation.IsValidLabelValue(c.Installation); len(faults) > 0 {
		errs = append(errs, fmt.Errorf("the installation's name %q cannot be a label: %s", c.Installation, faults[0]))
	}
	if c.RunnerImage == "" {
		errs = append(errs, errors.New("the kubernetes executor has no image of the runner: configure one"))
	}
	if c.CPUMilli < 0 || c.Memory < 0 || c.MemoryMax < 0 || c.Grace < 0 || c.Margin < 0 || c.User < AnyUser {
		errs = append(errs, errors.New("the kubernetes executor: cpu, memory, grace, margin or user is negative: use positive numbers, or 0 for the default"))
	}
	for _, k := range slices.Sorted(maps.Keys(c.Env)) {
		if faults := validation.IsEnvVarName(k); len(faults) > 0 {
			errs = append(errs, fmt.Errorf("%q is no name of a variable: %s", k, faults[0]))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) setDefaults() {
	if c.CPUMilli == 0 {
		c.CPUMilli = DefaultCPU
	}
	if c.Memory == 0 {
		c.Memory = DefaultMemory
	}
	if c.User == 0 {
		c.User = DefaultUser
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	if c.Margin == 0 {
		c.Margin = DefaultMargin
	}
	if c.TemplateName == "" {
		c.TemplateName = "pod template"
	}
}

// Build makes the pod of an attempt. The error is an *executors.RefusedError if what the
// author wrote cannot be.
func (b *Builder) Build(w *executors.Work) (*corev1.Pod, error) {
	return b.build(w, func(string, *corev1.Pod) {})
}

// build makes the pod in steps. After each, seen is told of what it follows from and of the
// pod so far, which it must not change.
func (b *Builder) build(w *executors.Work, seen func(origin string, pod *corev1.Pod)) (*corev1.Pod, error) {
	n, err := w.Need()
	if err != nil {
		return nil, err
	}
	authors, err := b.authors(w)
	if err != nil {
		return nil, err
	}
	pod, origin, err := b.templateOf(authors)
	if err != nil {
		return nil, err
	}
	seen(origin, pod)
	if err := b.generate(pod, w, &n); err != nil {
		return nil, err
	}
	seen(originAttempt, pod)
	for _, a := range authors {
		for _, l := range a.layers() {
			if pod, err = l.apply(pod); err != nil {
				return nil, err
			}
			seen(l.place, pod)
		}
	}
	if err := b.hold(pod, w); err != nil {
		return nil, err
	}
	b.fill(pod)
	seen(originDefault, pod)
	if err := b.size(pod, &n); err != nil {
		return nil, err
	}
	seen(originSize, pod)
	return pod, nil
}

// The origins of parts of a pod, beside templates and what authors wrote.
const (
	originAttempt = "attempt and settings"
	originDefault = "default"
	originSize    = "memory of this try"
)

func refuse(format string, args ...any) error {
	return &executors.RefusedError{Cause: run.CauseConfig, Reason: fmt.Sprintf(format, args...)}
}
