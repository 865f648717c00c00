// Package config reads the configuration of an installation: defaults, then the file
// updraft.yaml in UPDRAFT_HOME, then the context in use, then environment variables, then
// flags. Every setting is a URL or a small value and knows where its value came from.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// FileName is the name of the configuration file in UPDRAFT_HOME.
const FileName = "updraft.yaml"

// key describes one setting. The table below is the one definition: loading,
// validation, `updraft config list` and the documentation come from it.
type key struct {
	name, def, doc string
	check          func(string) error
}

// keys are the settings, in the order they are listed. {home} stands for UPDRAFT_HOME.
func keys() []key {
	return append([]key{
		{"dags", "{home}/dags", "folder of DAG files", notEmpty},
		{"dag_source", "", "where functions copy DAG files from into the folder dags: s3://BUCKET/PREFIX", optional(scheme("s3"))},
		{"store", "sqlite://{home}/updraft.db", "where DAGs, runs and settings are kept: sqlite:///PATH[?durability=full|normal], postgres://USER@HOST/DATABASE[?schema=updraft], dynamodb://TABLE", scheme("sqlite", "postgres", "postgresql", "dynamodb")},
		{"logs", "file://{home}/logs", "where task logs are kept: file:///PATH, s3://BUCKET/PREFIX, minio://HOST:PORT/BUCKET/PREFIX, gs://BUCKET/PREFIX (with updraft-gcs)", scheme("file", "s3", "minio", "gs")},
		{"queue", "local:", "how schedulers and workers send each other word: local:, postgres://USER@HOST/DATABASE[?schema=updraft], sqs://PREFIX (names of queues begin with it)", oneOfOr([]string{"sqs", "postgres", "postgresql"}, "local:")},
		{"key", "file://{home}/key", "what seals connections and variables: file:///PATH, secretsmanager://NAME", scheme("file", "secretsmanager")},
		{"executor", "local", "what runs tasks: local; kubernetes (a pod each, made by updraft-kube); lambda, fargate or auto (by what a task needs) where the scheduler is a function", oneOf("local", "lambda", "fargate", "kubernetes", "auto")},
		{"lambda", "", "worker functions with their memory in MiB, smallest first, with commas between: updraft-worker:512,updraft-worker-large:3008", nil},
		{"fargate", "", "where tasks run on Fargate: ecs://CLUSTER/TASK_DEFINITION?subnets=…&security_groups=…&spot=true", optional(scheme("ecs"))},
		{"aws_region", "", "region of AWS; empty is AWS_REGION, or that of the profile", nil},
		{"aws_profile", "", "profile of ~/.aws with credentials; empty is AWS_PROFILE, or the default one", nil},
		{"parallelism", "32", "how many tasks run at once", atLeast(1)},
		{"listen", "127.0.0.1:8080", "address of /health, /metrics and /status", address},
		{"python", "python3", "the Python interpreter for Python tasks (3.9 or newer)", notEmpty},
		{"paused_at_creation", "false", "whether new DAGs start paused", boolean},
		{"strict", "false", "whether warnings about DAG files are errors", boolean},
		{
			"airflow_compat", "auto",
			"which Airflow's meaning DAG files have: 3, 2 (plain schedules are data intervals, ...) or auto (Python files by what they import, others 3)",
			oneOf("auto", "2", "3"),
		},
		{"plugins", "{home}/plugins", "folder of Python modules that DAG files and tasks import (Airflow's plugins folder)", nil},
		{"dagbag_import_timeout", "30s", "how long a DAG file in Python may take to be read", positive},
		{"dagbag_import_memory", "1073741824", "how much memory a DAG file in Python may take to be read, in bytes", atLeast(64 << 20)},
		{"dag_file_env", "", "environment variables that DAG files in Python see beside PATH and the like, with commas between", nil},
		{"log_retention", "720h", "how long task logs are kept; 0 is for ever", duration},
		{"log_max_bytes", "67108864", "largest log of one attempt; its middle is dropped beyond", atLeast(1 << 16)},
		{"run_retention", "0", "how long finished runs are kept; 0 is for ever", duration},
		{"poll_interval", "250ms", "how often to look for changes made by other processes", duration},
		{"base_url", "", "address that links in mails begin with", nil},
		{"secrets_connections", "", "file of connections (JSON, YAML or .env), looked at first", nil},
		{"secrets_variables", "", "file of variables (JSON, YAML or .env), looked at first", nil},
		{"secrets_backend", "", "service that is asked next for connections and variables: secretsmanager: or parameterstore:, with Airflow's backend_kwargs as ?connections_prefix=…", optional(service("secretsmanager", "parameterstore"))},
	}, kubernetesKeys()...)
}

// Setting is one setting with its value and where that came from.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
	Doc    string `json:"doc"`
	// Env is the environment variable that sets it.
	Env string `json:"env"`
}

// Config is a complete, valid configuration.
type Config struct {
	Home string
	// Context is the name of the context in use, empty for none; see Contexts.
	Context  string
	settings map[string]Setting
	// context is the setting that names it.
	context Setting
}

// Input is where a configuration is read from.
type Input struct {
	// Lookup reads the environment.
	Lookup func(string) (string, bool)
	// Flags are values given on the command line, by setting name; home and context among
	// them.
	Flags map[string]string
	// UserHome is the user's home folder, for the default of UPDRAFT_HOME.
	UserHome string
}

// EnvName is the environment variable of a setting.
func EnvName(name string) string { return "UPDRAFT_" + strings.ToUpper(name) }

// Load reads a configuration. The error joins every fault: each names the place, the
// value and what to write instead.
func Load(in Input) (*Config, error) {
	home, err := Home(in)
	if err != nil {
		return nil, err
	}
	c := &Config{Home: home, settings: map[string]Setting{}}
	file, err := readFile(filepath.Join(home, FileName))
	if err != nil {
		return nil, err
	}
	named, err := c.useContext(in)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, k := range keys() {
		s := Setting{Name: k.name, Doc: k.doc, Env: EnvName(k.name), Source: "default", Value: strings.ReplaceAll(k.def, "{home}", home)}
		if v, ok := file[k.name]; ok {
			s.Value, s.Source = v, FileName
			delete(file, k.name)
		}
		if v, ok := named[k.name]; ok {
			s.Value, s.Source = v, "context "+c.Context
			delete(named, k.name)
		}
		if v, ok := in.Lookup(s.Env); ok {
			s.Value, s.Source = v, s.Env
		}
		if v, ok := in.Flags[k.name]; ok {
			s.Value, s.Source = v, "--"+strings.ReplaceAll(k.name, "_", "-")
		}
		if k.check != nil {
			if err := k.check(s.Value); err != nil {
				faults = append(faults, fmt.Errorf("setting %s (from %s) is %q: %w", k.name, s.Source, s.Value, err))
			}
		}
		c.settings[k.name] = s
	}
	for name := range file {
		faults = append(faults, fmt.Errorf("%s has the unknown setting %q: `updraft config list` shows those there are", filepath.Join(home, FileName), name))
	}
	for name := range named {
		faults = append(faults, fmt.Errorf("context %s in %s has the unknown setting %q: remove it, or add the context again", c.Context, filepath.Join(home, ContextsName), name))
	}
	return c, errors.Join(faults...)
}

// Home is the folder of the installation, whatever is in it.
func Home(in Input) (string, error) {
	home, ok := in.Flags["home"]
	if !ok {
		if home, ok = in.Lookup("UPDRAFT_HOME"); !ok || home == "" {
			home = filepath.Join(in.UserHome, ".updraft")
		}
	}
	home, err := filepath.Abs(home)
	if err != nil {
		return "", fmt.Errorf("UPDRAFT_HOME: %w", err)
	}
	return home, nil
}

func readFile(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var raw map[string]any
	if err := yaml.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("%s is not a YAML map of settings: %w", path, err)
	}
	out := make(map[string]string, len(raw))
	for k, v := range raw {
		switch v.(type) {
		case map[string]any, []any:
			return nil, fmt.Errorf("%s: setting %q has to be one value, not a list or map", path, k)
		}
		out[k] = fmt.Sprint(v)
	}
	return out, nil
}

// Settings returns all settings in the order of the table, passwords in URLs masked.
func (c *Config) Settings() []Setting {
	out := []Setting{{Name: "home", Value: c.Home, Env: "UPDRAFT_HOME", Doc: "the one folder that holds database, logs and keys"}, c.context}
	for _, k := range keys() {
		s := c.settings[k.name]
		s.Value = Mask(s.Value)
		out = append(out, s)
	}
	return out
}

// Mask hides the passwords in a URL: before the host, and in parameters as PostgreSQL has
// them. What is no URL stays as it is.
func Mask(v string) string {
	u, err := url.Parse(v)
	if err != nil {
		if scheme, _, ok := strings.Cut(v, "://"); ok && strings.Contains(v, "@") {
			return scheme + "://..."
		}
		return v
	}
	q := u.Query()
	hidden := false
	for name := range q {
		if strings.HasSuffix(name, "password") {
			q.Set(name, "xxxxx")
			hidden = true
		}
	}
	if hidden {
		u.RawQuery = q.Encode()
	}
	if u.User == nil && !hidden {
		return v
	}
	return u.Redacted()
}

// Text returns a setting as it is.
func (c *Config) Text(name string) string { return c.settings[name].Value }

// Int returns a setting that was checked to be a number.
func (c *Config) Int(name string) int {
	n, err := strconv.Atoi(c.settings[name].Value)
	if err != nil {
		return 0
	}
	return n
}

// Bool returns a setting that was checked to be true or false.
func (c *Config) Bool(name string) bool {
	b, err := strconv.ParseBool(c.settings[name].Value)
	return err == nil && b
}

// Duration returns a setting that was checked to be a duration.
func (c *Config) Duration(name string) time.Duration {
	d, err := parseDuration(c.settings[name].Value)
	if err != nil {
		return 0
	}
	return d
}

// Path returns the path of a setting that is the URL of a file or folder of this machine,
// and of one that is another URL the URL itself, for people.
func (c *Config) Path(name string) string {
	if p := c.File(name); p != "" {
		return p
	}
	return Mask(c.settings[name].Value)
}

// File returns the path of a setting that is the URL of a file or folder of this machine;
// it is empty for another URL.
func (c *Config) File(name string) string {
	scheme, path, ok := strings.Cut(c.settings[name].Value, "://")
	if !ok || scheme != "sqlite" && scheme != "file" {
		return ""
	}
	path, _, _ = strings.Cut(path, "?")
	return path
}

func notEmpty(v string) error {
	if v == "" {
		return errors.New("it must not be empty")
	}
	return nil
}

// scheme allows URLs with these schemes. What follows is for those who open them to check,
// but for paths of this machine.
func scheme(allowed ...string) func(string) error {
	return func(v string) error {
		s, rest, ok := strings.Cut(v, "://")
		if !ok || !slices.Contains(allowed, s) {
			return fmt.Errorf("write a URL that begins with %s://", strings.Join(allowed, ":// or "))
		}
		if (s == "sqlite" || s == "file") && !strings.HasPrefix(rest, "/") {
			return fmt.Errorf("write an absolute path: %s:///%s", s, rest)
		}
		if rest == "" {
			return fmt.Errorf("name what to use after %s://", s)
		}
		return nil
	}
}

// oneOfOr allows these values, and URLs with a scheme.
func oneOfOr(schemes []string, allowed ...string) func(string) error {
	return func(v string) error {
		if oneOf(allowed...)(v) == nil || scheme(schemes...)(v) == nil {
			return nil
		}
		return fmt.Errorf("use %s or a URL that begins with %s://", strings.Join(allowed, ", "), strings.Join(schemes, ":// or "))
	}
}

// service allows these words, with a colon and options behind.
func service(allowed ...string) func(string) error {
	return func(v string) error {
		word, rest, ok := strings.Cut(v, ":")
		if !ok || !slices.Contains(allowed, word) || rest != "" && rest[0] != '?' {
			return fmt.Errorf("write %s:, with options behind it as ?name=value", strings.Join(allowed, ": or "))
		}
		return nil
	}
}

// optional allows an empty value, too.
func optional(check func(string) error) func(string) error {
	return func(v string) error {
		if v == "" {
			return nil
		}
		return check(v)
	}
}

func oneOf(allowed ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("use one of: %s", strings.Join(allowed, ", "))
		}
		return nil
	}
}

func positive(v string) error {
	if d, err := time.ParseDuration(v); err != nil || d <= 0 {
		return errors.New("use a length of time above 0, such as 30s or 5m")
	}
	return nil
}

func atLeast(least int) func(string) error {
	return func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n < least {
			return fmt.Errorf("use a whole number of at least %d", least)
		}
		return nil
	}
}

func boolean(v string) error {
	if _, err := strconv.ParseBool(v); err != nil {
		return errors.New("use true or false")
	}
	return nil
}

func parseDuration(v string) (time.Duration, error) {
	if v == "0" {
		return 0, nil
	}
	return time.ParseDuration(v)
}

func duration(v string) error {
	if d, err := parseDuration(v); err != nil || d < 0 {
		return errors.New("use a duration such as 250ms, 30s, 5m or 720h, or 0")
	}
	return nil
}

func address(v string) error {
	if _, _, err := net.SplitHostPort(v); err != nil {
		return errors.New("use HOST:PORT, such as 127.0.0.1:8080; port 0 takes a free one")
	}
	return nil
}
