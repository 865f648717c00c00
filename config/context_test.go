package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/config"
)

// TestContexts: what is written is read again, by its owner only.
func TestContexts(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	if none, err := config.ReadContexts(home); err != nil || len(none.Contexts) > 0 {
		t.Fatalf("without a file: %v, %v", none, err)
	}
	want := config.Contexts{Current: "prod", Contexts: map[string]config.Context{
		"prod": {Stack: "updraft", Settings: map[string]string{"store": "dynamodb://updraft", "parallelism": "64"}},
		"test": {Settings: map[string]string{"store": "dynamodb://test"}},
	}}
	if err := want.Write(home); err != nil {
		t.Fatal(err)
	}
	got, err := config.ReadContexts(home)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contexts (-written +read):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(home, config.ContextsName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of contexts is %v, %v", info.Mode(), err)
	}
	c, err := config.Load(config.Input{Flags: map[string]string{"home": home}, Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	if c.Context != "prod" || c.Int("parallelism") != 64 {
		t.Errorf("context %q with parallelism %d, want prod and 64", c.Context, c.Int("parallelism"))
	}
}

// TestContextOfAnotherRelease: a setting that is not known is no reason to guess.
func TestContextOfAnotherRelease(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	all := config.Contexts{Contexts: map[string]config.Context{"old": {Settings: map[string]string{"storage": "x"}}}}
	if err := all.Write(home); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(config.Input{Flags: map[string]string{"home": home, "context": "old"}, Lookup: func(string) (string, bool) { return "", false }})
	if err == nil || !strings.Contains(err.Error(), `has the unknown setting "storage"`) {
		t.Errorf("%v", err)
	}
}
