package dagfile

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"sync"

	"github.com/updraft-dev/updraft/dag"
)

func resourceKeys() []string {
	return []string{"cpu", "memory", "ephemeral_storage", "node_selector", "tolerations", "cpus", "ram", "disk", "gpus"}
}

// resources reads Kubernetes' words (cpu: 500m, memory: 512Mi) or those of Airflow's
// operators (cpus, and ram and disk in megabytes).
func (l *loader) resources(p place, n *node, r *dag.Resources) {
	d, ok := l.mapping(p, n)
	if !ok {
		return
	}
	for _, e := range d.all() {
		at := place{p.task, p.name + "." + e.name()}
		switch e.name() {
		case "cpu":
			r.CPUMilli = int64(l.quantity(at, e.val, 1000))
		case "memory":
			r.Memory = int64(l.quantity(at, e.val, 1))
		case "ephemeral_storage", "ephemeral-storage":
			r.EphemeralStorage = int64(l.quantity(at, e.val, 1))
		case "cpus":
			r.CPUMilli = l.scaled(at, e.val, 1000)
		case "ram":
			r.Memory = l.scaled(at, e.val, 1<<20)
		case "disk":
			r.EphemeralStorage = l.scaled(at, e.val, 1<<20)
		case "gpus":
			if f, ok := numeric(e.val); !ok || f != 0 {
				l.warning(e.val.at, p.task, "`resources.gpus` has no effect in Updraft", "remove it")
			}
		case "node_selector":
			r.NodeSelector = l.labels(at, e.val)
		case "tolerations":
			r.Tolerations = l.tolerations(at, e.val)
		default:
			l.problem(e.key.at, p.task, fmt.Sprintf("`%s` has no key `%s`", p.name, e.name()), didYouMean(e.name(), resourceKeys()))
		}
	}
}

func (l *loader) scaled(p place, n *node, unit float64) int64 {
	if n.isNull() {
		return 0
	}
	f, ok := l.number(p, n)
	if ok && (f < 0 || f*unit > math.MaxInt64/2) {
		l.wrong(p, n, "a positive number", "")
		return 0
	}
	return int64(f * unit)
}

var quantityText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d+(?:\.\d+)?)(m|k|K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$`)
})

// quantity reads Kubernetes' quantities, in thousandths if scale is 1000.
func (l *loader) quantity(p place, n *node, scale float64) float64 {
	if n.isNull() {
		return 0
	}
	text := n.text
	if f, ok := numeric(n); ok {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	m := quantityText().FindStringSubmatch(text)
	if m == nil {
		l.wrong(p, n, "a quantity", "write a number with a unit, such as 500m (cpu) or 512Mi (memory)")
		return 0
	}
	units := map[string]float64{
		"": 1, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
	}
	f, _ := strconv.ParseFloat(m[1], 64)
	v := math.Ceil(f*units[m[2]]*scale - 1e-9)
	if v >= math.MaxInt64/2 {
		l.wrong(p, n, "a smaller quantity", "")
		return 0
	}
	return v
}

func (l *loader) labels(p place, n *node) map[string]string {
	d, ok := l.mapping(p, n)
	if !ok || d == nil {
		return nil
	}
	out := make(map[string]string, len(d.entries))
	for _, e := range d.entries {
		if s, ok := l.text(place{p.task, p.name + "." + e.name()}, e.val); ok {
			out[e.name()] = s
		}
	}
	return out
}

func (l *loader) tolerations(p place, n *node) []dag.Toleration {
	if n.kind != kindList {
		l.wrong(p, n, "a list", "")
		return nil
	}
	var out []dag.Toleration
	for _, v := range n.list {
		d, ok := l.mapping(p, v)
		if !ok || d == nil {
			continue
		}
		var t dag.Toleration
		texts := map[string]*string{"key": &t.Key, "operator": &t.Operator, "value": &t.Value, "effect": &t.Effect}
		for _, e := range d.entries {
			at := place{p.task, p.name + "." + e.name()}
			switch to := texts[e.name()]; {
			case to != nil:
				*to, _ = l.text(at, e.val)
			case e.name() == "tolerationSeconds" || e.name() == "toleration_seconds":
				if s, ok := l.integer(at, e.val); ok {
					seconds := int64(s)
					t.TolerationSeconds = &seconds
				}
			default:
				l.problem(e.key.at, p.task, fmt.Sprintf("`%s` has no key `%s`", p.name, e.name()), didYouMean(e.name(), []string{"key", "operator", "value", "effect", "tolerationSeconds"}))
			}
		}
		out = append(out, t)
	}
	return out
}
