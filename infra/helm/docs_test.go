package helm_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

var (
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	setFlag    = regexp.MustCompile(`--set[= ]([^ \n]+)`)
	assignment = regexp.MustCompile(`([A-Za-z_.]+)=`)
	dotted     = regexp.MustCompile(`^[a-z][A-Za-z_]*(\.[A-Za-z_]+)+$`)
	setting    = regexp.MustCompile(`\bkubernetes_[a-z_]+\b`)
	label      = regexp.MustCompile(`-l ([a-z./]+)=([a-z]+)`)
)

// TestDocs: the values, settings and labels that people read about are there.
func TestDocs(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	top := map[string]bool{}
	for _, e := range values(t) {
		known[e.name()], top[e.path[0]] = true, true
	}
	documents := map[string]string{}
	for _, name := range []string{"../../docs/kubernetes.md", chart + "/README.md", chart + "/templates/NOTES.txt"} {
		documents[name], _, _ = strings.Cut(read(t, name), written)
	}
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		text := documents[name]
		for _, set := range setFlag.FindAllStringSubmatch(text, -1) {
			for _, m := range assignment.FindAllStringSubmatch(set[1], -1) {
				if !known[m[1]] {
					t.Errorf("%s: --set %s: there is no such value", name, m[1])
				}
			}
		}
		for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
			path := strings.TrimSuffix(m[1], "=true")
			if first, _, _ := strings.Cut(path, "."); dotted.MatchString(path) && top[first] && !known[path] {
				t.Errorf("%s: there is no value %s", name, path)
			}
		}
		for _, s := range setting.FindAllString(text, -1) {
			if !slices.Contains(kubernetesSettings(t), s) {
				t.Errorf("%s: there is no setting %s", name, s)
			}
		}
		for _, m := range label.FindAllStringSubmatch(text, -1) {
			if !slices.Contains([]string{kubeevent.LabelRole + "=" + kubeevent.RoleTask, kubeevent.LabelManagedBy + "=" + kubeevent.ManagedBy}, m[1]+"="+m[2]) {
				t.Errorf("%s: the controller gives pods no label %s=%s", name, m[1], m[2])
			}
		}
	}
}

func kubernetesSettings(t *testing.T) (out []string) {
	t.Helper()
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, UserHome: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Settings() {
		if strings.HasPrefix(s.Name, "kubernetes_") {
			out = append(out, s.Name)
		}
	}
	return out
}

// TestDocumentedValues: blocks of values in the document are values.
func TestDocumentedValues(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	blocks := strings.Split(read(t, "../../docs/kubernetes.md"), "```")
	seen := 0
	for i := 1; i < len(blocks); i += 2 {
		info, text, _ := strings.Cut(blocks[i], "\n")
		if info != "yaml fragment" || !strings.HasPrefix(text, "# values.yaml\n") {
			continue
		}
		seen++
		if err := s.Validate(decoded(t, text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	if seen < 3 {
		t.Errorf("only %d blocks begin with # values.yaml", seen)
	}
}
