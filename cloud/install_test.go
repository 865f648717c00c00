package cloud

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstall: the init container of a pod copies the runner, what it is asked for besides,
// and says what an image does not have.
func TestInstall(t *testing.T) {
	t.Parallel()
	image := t.TempDir()
	for _, name := range []string{"runner", "updraft-kube"} {
		if err := os.WriteFile(filepath.Join(image, name), []byte("is "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self := filepath.Join(image, "runner")
	for _, tt := range []struct {
		programs []string
		want     string
	}{
		{nil, "task: is runner"},
		{[]string{"updraft-kube"}, "task: is runner, updraft-kube: is updraft-kube"},
		{[]string{"updraft-none"}, "use an image of the runner that has it"},
	} {
		dir := t.TempDir()
		got := ""
		if err := install(self, dir, tt.programs...); err != nil {
			got = err.Error()
		} else {
			got = installed(t, dir)
		}
		if !strings.Contains(got, tt.want) || tt.programs == nil && got != tt.want {
			t.Errorf("install %q: %s, want %s", tt.programs, got, tt.want)
		}
	}
}

// installed are the programs in a folder, which have to be such.
func installed(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm()&0o100 == 0 {
			t.Errorf("%s is no program: %v", e.Name(), err)
		}
		out = append(out, e.Name()+": "+string(b))
	}
	return strings.Join(out, ", ")
}
