package kubepod

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubemerge"
)

// Show is the pod of an attempt as YAML, for people: a comment says what each part follows
// from. The errors are those of Build.
func (b *Builder) Show(w *executors.Work) ([]byte, error) {
	o := origins{of: map[string]string{}, was: map[string]string{}}
	pod, err := b.build(w, o.note)
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(pod)
	if err != nil {
		return nil, err
	}
	p := printer{origins: o.of}
	for _, k := range []string{"apiVersion", "kind", "metadata", "spec"} {
		p.value(k+":", "", tree[k], "/"+k, "")
	}
	return p.out.Bytes(), nil
}

// treeOf is a pod as it goes to the API, without what is empty.
func treeOf(pod *corev1.Pod) (map[string]any, error) {
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		return nil, fmt.Errorf("show pod %s: %w", pod.Name, err)
	}
	delete(tree, "status")
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range dicts(kubemerge.Dict(tree["spec"])[list]) {
			if len(kubemerge.Dict(c["resources"])) == 0 {
				delete(c, "resources")
			}
		}
	}
	return tree, nil
}

// dicts are the dicts of a list.
func dicts(v any) []map[string]any {
	var out []map[string]any
	for _, e := range kubemerge.List(v) {
		out = append(out, kubemerge.Dict(e))
	}
	return out
}

// origins notes what the parts of a pod follow from, by their paths, in which elements of
// lists go by their names: others may come before them later.
type origins struct {
	of map[string]string
	// was are the values of the step before.
	was map[string]string
}

func (o *origins) note(origin string, pod *corev1.Pod) {
	tree, err := treeOf(pod)
	if err != nil {
		return // then the end of it fails too
	}
	is := map[string]string{}
	flatten("", tree, is)
	for path, v := range is {
		if old, there := o.was[path]; !there || old != v {
			o.of[path] = origin
		}
	}
	o.was = is
}

// flatten collects the scalars below a value.
func flatten(path string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flatten(path+"/"+k, e, out)
		}
		if len(v) == 0 {
			out[path] = "{}"
		}
	case []any:
		for i, e := range v {
			flatten(path+"/"+element(i, e), e, out)
		}
		if len(v) == 0 {
			out[path] = "[]"
		}
	case nil:
	default:
		out[path] = fmt.Sprint(v)
	}
}

// element is how a path names an element of a list.
func element(i int, v any) string {
	m := kubemerge.Dict(v)
	for _, key := range []string{"mountPath", "name"} {
		if s, ok := m[key].(string); ok {
			return key + "=" + s
		}
	}
	if s, ok := v.(string); ok {
		return s
	}
	return strconv.Itoa(i)
}

// printer writes YAML with comments.
type printer struct {
	out     bytes.Buffer
	origins map[string]string
}

// common is the origin of all that is below a path; empty if there are several.
func (p *printer) common(path string, v any) string {
	leaves := map[string]string{}
	flatten(path, v, leaves)
	origin := ""
	for leaf := range leaves {
		switch o := p.origins[leaf]; {
		case origin == "":
			origin = o
		case o != origin:
			return ""
		}
	}
	return origin
}

// value writes a value after what begins its line. Where all of it has one origin that is
// told there, and no more below.
func (p *printer) value(begin, indent string, v any, path, told string) {
	comment := ""
	if told == "" {
		told = p.common(path, v)
		comment = remark(told)
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 {
			fmt.Fprintf(&p.out, "%s%s\n", begin, comment)
			for _, k := range slices.Sorted(maps.Keys(v)) {
				p.value(indent+"  "+word(k)+":", indent+"  ", v[k], path+"/"+k, told)
			}
			return
		}
	case []any:
		if len(v) > 0 {
			fmt.Fprintf(&p.out, "%s%s\n", begin, comment)
			for i, e := range v {
				p.item(indent, e, path+"/"+element(i, e), told)
			}
			return
		}
	}
	fmt.Fprintf(&p.out, "%s %s%s\n", begin, word(v), comment)
}

// item writes an element of a list.
func (p *printer) item(indent string, v any, path, told string) {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		p.value(indent+"-", indent+"  ", v, path, told)
		return
	}
	lead := "- "
	if told == "" {
		if told = p.common(path, v); told != "" {
			fmt.Fprintf(&p.out, "%s-%s\n", indent, remark(told))
			lead = "  "
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		p.value(indent+lead+word(k)+":", indent+"  ", m[k], path+"/"+k, told)
		lead = "  "
	}
}

func remark(origin string) string {
	if origin == "" {
		return ""
	}
	return "  # " + origin
}

// word writes a scalar.
func word(v any) string {
	text, err := sigsyaml.Marshal(v)
	if s := strings.TrimSuffix(string(text), "\n"); err == nil && !strings.Contains(s, "\n") {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // a text, which can always be marshalled
	}
	return string(b)
}
