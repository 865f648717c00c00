package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/config"
)

func load(t *testing.T, file string, env, flags map[string]string) (*config.Config, error) {
	t.Helper()
	home := t.TempDir()
	if file != "" {
		if err := os.WriteFile(filepath.Join(home, config.FileName), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Load(config.Input{
		UserHome: "/nobody", Flags: flags,
		Lookup: func(name string) (string, bool) {
			if name == "UPDRAFT_HOME" {
				return home, true
			}
			v, ok := env[name]
			return v, ok
		},
	})
}

func TestLaterSourcesWin(t *testing.T) {
	t.Parallel()
	file := "parallelism: 8\nlisten: 127.0.0.1:1\nlog_retention: 1h\n"
	c, err := load(t, file, map[string]string{"UPDRAFT_LISTEN": "127.0.0.1:2", "UPDRAFT_LOG_RETENTION": "2h"}, map[string]string{"log_retention": "3h"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Int("parallelism"); got != 8 {
		t.Errorf("parallelism from the file: got %d, want 8", got)
	}
	if got := c.Text("listen"); got != "127.0.0.1:2" {
		t.Errorf("listen from the environment: got %s", got)
	}
	if got := c.Duration("log_retention"); got != 3*time.Hour {
		t.Errorf("log_retention from the flag: got %s", got)
	}
	if got, want := c.Path("store"), filepath.Join(c.Home, "updraft.db"); got != want {
		t.Errorf("store by default: got %s, want %s", got, want)
	}
}

func TestFaultsNamePlaceValueAndRemedy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		env, flags map[string]string
		want       string
	}{
		{"unknown setting", "paralellism: 3", nil, nil, `has the unknown setting "paralellism"`},
		{"number", "", map[string]string{"UPDRAFT_PARALLELISM": "many"}, nil, `setting parallelism (from UPDRAFT_PARALLELISM) is "many": use a whole number of at least 1`},
		{"scheme", "", nil, map[string]string{"store": "mysql://x"}, `setting store (from --store) is "mysql://x": write a URL that begins with sqlite://`},
		{"relative path", "", nil, map[string]string{"store": "sqlite://x.db"}, "write an absolute path: sqlite:///x.db"},
		{"address", "listen: 8080", nil, nil, `setting listen (from updraft.yaml) is "8080": use HOST:PORT`},
		{"duration", "log_retention: soon", nil, nil, "use a duration such as"},
		{"bool", "strict: perhaps", nil, nil, "use true or false"},
		{"nested", "store:\n  url: x", nil, nil, `setting "store" has to be one value`},
		{"not YAML", "store: [", nil, nil, "is not a YAML map of settings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.file, tt.env, tt.flags)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestSettingsMaskPasswords(t *testing.T) {
	t.Parallel()
	c, err := load(t, "", map[string]string{"UPDRAFT_BASE_URL": "https://me:hunter2@example.org/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Settings() {
		if strings.Contains(s.Value, "hunter2") {
			t.Errorf("setting %s shows a password: %s", s.Name, s.Value)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://u:hidden@h:5432/x?schema=s":    "postgres://u:xxxxx@h:5432/x?schema=s",
		"postgres://u@h/x?password=hidden":         "postgres://u@h/x?password=xxxxx",
		"postgres://h/x?a=1&sslpassword=hidden":    "postgres://h/x?a=1&sslpassword=xxxxx",
		"postgres://u:hidden@h:port/x":             "postgres://...",
		"sqlite:///a b?durability=full":            "sqlite:///a b?durability=full",
		"local:":                                   "local:",
		"updraft-worker:512,updraft-worker-l:3008": "updraft-worker:512,updraft-worker-l:3008",
		"~/x%y@z": "~/x%y@z",
	} {
		if got := config.Mask(url); got != want {
			t.Errorf("%s is shown as %s, want %s", url, got, want)
		}
	}
}
