// Package awssecrets looks connections and variables up in AWS Secrets Manager or in the
// Parameter Store of Systems Manager, where Airflow's backends of these names find them. It
// writes none.
package awssecrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	managertypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/singleflight"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// Service is where secrets are kept; it is the scheme of its URLs.
type Service string

// The services.
const (
	SecretsManager Service = "secretsmanager"
	ParameterStore Service = "parameterstore"
)

// Scope says which ids of a kind are looked up, and under which names.
type Scope struct {
	// Prefix stands before the id, with a separator in between; empty is none.
	Prefix string
	// Pattern is a regular expression that ids must begin with, in any case of letters;
	// empty is all.
	Pattern string
	// Off looks up nothing of the kind.
	Off bool
}

// Config says what to look up and where. AWS and Now are needed; the rest is what Default
// or ParseURL return.
type Config struct {
	AWS     aws.Config
	Service Service
	// Parameters looks parameters up (awsparameters.Getter); without, there is no Parameter
	// Store.
	Parameters func(aws.Config) func(ctx context.Context, name string) (text string, found bool, err error)
	// Connections and Variables are Airflow's connections_prefix and
	// connections_lookup_pattern, and the same of variables.
	Connections, Variables Scope
	// Sep separates prefix and id.
	Sep string
	// TTL is for how long an answer is kept, MissTTL for how long that there is none. They
	// bound how long a change goes unseen, and what the look-ups cost.
	TTL, MissTTL time.Duration
	// Now is the clock.
	Now func() time.Time
}

// Default is the configuration of a service if nothing else is said.
func Default(s Service) Config {
	return Config{
		Service: s, Connections: Scope{Prefix: "updraft/connections"}, Variables: Scope{Prefix: "updraft/variables"}, Sep: "/",
		TTL: 15 * time.Minute, MissTTL: time.Minute, // the first is Airflow's cache_ttl_seconds
	}
}

// ParseURL reads secretsmanager:?OPTIONS or parameterstore:?OPTIONS. The options are
// Airflow's backend_kwargs: connections_prefix and variables_prefix (null looks up none),
// connections_lookup_pattern, variables_lookup_pattern and sep; and ttl and miss_ttl.
func ParseURL(text string) (Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("secrets %q is no URL: write secretsmanager: or parameterstore:", text)
	}
	s := Service(u.Scheme)
	if s != SecretsManager && s != ParameterStore || u.Host != "" || u.Opaque != "" || strings.Trim(u.Path, "/") != "" {
		return Config{}, fmt.Errorf("secrets %q are not of AWS: write secretsmanager: or parameterstore:, and options after a question mark", text)
	}
	c := Default(s)
	for key, values := range u.Query() {
		if err := c.set(key, values[0]); err != nil {
			return Config{}, fmt.Errorf("secrets %q: %w", text, err)
		}
	}
	_, err = c.patterns()
	return c, err
}

func (c *Config) set(key, value string) (err error) {
	scope := &c.Variables
	if strings.HasPrefix(key, "connections_") {
		scope = &c.Connections
	}
	switch key {
	case "connections_prefix", "variables_prefix":
		scope.Prefix, scope.Off = value, value == "null"
	case "connections_lookup_pattern", "variables_lookup_pattern":
		scope.Pattern = value
	case "sep":
		c.Sep = value
	case "ttl":
		c.TTL, err = parseTTL(key, value)
	case "miss_ttl":
		c.MissTTL, err = parseTTL(key, value)
	default:
		return fmt.Errorf("unknown option %q: there are connections_prefix, variables_prefix, connections_lookup_pattern, variables_lookup_pattern, sep, ttl and miss_ttl", key)
	}
	return err
}

func parseTTL(key, value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s is %q: write a duration such as 15m, or 0 to ask each time", key, value)
	}
	return d, nil
}

// patterns compiles the patterns, by kind.
func (c *Config) patterns() (map[store.Kind]*regexp.Regexp, error) {
	out := map[store.Kind]*regexp.Regexp{}
	for kind, scope := range map[store.Kind]Scope{store.KindConnection: c.Connections, store.KindVariable: c.Variables} {
		if scope.Pattern == "" {
			continue
		}
		re, err := regexp.Compile(`(?i)\A(?:` + scope.Pattern + `)`)
		if err != nil {
			return nil, fmt.Errorf("the lookup pattern of %ss: %w", kind, err)
		}
		out[kind] = re
	}
	return out, nil
}

const (
	// lookupTimeout bounds one look-up, which several callers may wait for.
	lookupTimeout = 30 * time.Second
	// maxAnswers is how many answers are kept. Ids come from templates, too: without a
	// bound a DAG could fill the memory with names that are not there.
	maxAnswers = 10_000
)

// Backend implements settings.Backend. It is safe for concurrent use.
type Backend struct {
	cfg      Config
	patterns map[store.Kind]*regexp.Regexp
	get      func(ctx context.Context, name string) (string, bool, error)
	// signs are what names may have beside letters and digits, limit how long they may be.
	signs  string
	limit  int
	flight singleflight.Group

	mu      sync.Mutex
	answers map[string]answer // by name
}

var _ settings.Backend = (*Backend)(nil)

// answer is what a service said.
type answer struct {
	text  string
	found bool
	until time.Time
}

// Open returns a backend. It makes no call.
func Open(c Config) (*Backend, error) {
	if c.Now == nil {
		return nil, errors.New("secrets of AWS need a clock")
	}
	patterns, err := c.patterns()
	if err != nil {
		return nil, err
	}
	b := &Backend{cfg: c, patterns: patterns, answers: map[string]answer{}}
	switch c.Service {
	case SecretsManager:
		b.get, b.signs, b.limit = manager(secretsmanager.NewFromConfig(c.AWS)), "/_+=.@-", 512
	case ParameterStore:
		if c.Parameters == nil {
			return nil, errors.New("this program does not read the Parameter Store: keep the secrets in Secrets Manager")
		}
		b.get, b.signs, b.limit = c.Parameters(c.AWS), "/_.-", 1011
	default:
		return nil, fmt.Errorf("secrets of AWS: service %q is not known", c.Service)
	}
	return b, nil
}

// Lookup implements settings.Backend. Names that a service cannot have are not there.
func (b *Backend) Lookup(ctx context.Context, k store.Kind, id string) (text string, found bool, err error) {
	name, ok := b.name(k, id)
	if !ok {
		return "", false, nil
	}
	if a, ok := b.kept(name); ok {
		return a.text, a.found, nil
	}
	// One call for all who ask at once. Who began it may go: the others still wait.
	done := b.flight.DoChan(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		text, found, err := b.get(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("look up %s `%s` at %s %s: %w", k, id, b.cfg.Service, name, awsconf.Explain(err))
		}
		if k == store.KindConnection {
			text = standard(text)
		}
		a := answer{text: text, found: found}
		b.keep(name, a)
		return a, nil
	})
	select {
	case <-ctx.Done():
		return "", false, context.Cause(ctx)
	case r := <-done:
		if r.Err != nil {
			return "", false, r.Err
		}
		a, _ := r.Val.(answer) // it is nothing else
		return a.text, a.found, nil
	}
}

// name returns the name of a setting at the service; none if it is not to be looked up.
func (b *Backend) name(k store.Kind, id string) (string, bool) {
	scope := b.cfg.Variables
	switch k {
	case store.KindConnection:
		scope = b.cfg.Connections
	case store.KindVariable:
	default:
		return "", false
	}
	if re := b.patterns[k]; scope.Off || re != nil && !re.MatchString(id) {
		return "", false
	}
	name := id
	if scope.Prefix != "" {
		name = strings.TrimSuffix(scope.Prefix, b.cfg.Sep) + b.cfg.Sep + id
	}
	if b.cfg.Service == ParameterStore && !strings.HasPrefix(name, "/") {
		name = "/" + name // names with slashes must begin with one
	}
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(b.signs, r)
	})
	return name, !odd && name != "" && len(name) <= b.limit
}

func (b *Backend) kept(name string) (answer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.answers[name]
	return a, ok && b.cfg.Now().Before(a.until)
}

func (b *Backend) keep(name string, a answer) {
	ttl := b.cfg.TTL
	if !a.found {
		ttl = b.cfg.MissTTL
	}
	a.until = b.cfg.Now().Add(ttl)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answers) >= maxAnswers {
		clear(b.answers)
	}
	b.answers[name] = a
}

// manager reads Secrets Manager.
func manager(c *secretsmanager.Client) func(context.Context, string) (string, bool, error) {
	return func(ctx context.Context, name string) (string, bool, error) {
		out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
		var missing *managertypes.ResourceNotFoundException
		switch {
		case errors.As(err, &missing):
			return "", false, nil
		case err != nil:
			return "", false, err
		case out.SecretString == nil:
			return "", false, errors.New("the secret is binary: store it as a text")
		}
		return *out.SecretString, true, nil
	}
}

// words are other names of a connection's fields in JSON, the first that is there counts:
// those that Airflow takes, and the one that RDS writes for a database (dbname).
func words() [][2]string {
	return [][2]string{
		{"user", "login"}, {"username", "login"}, {"user_name", "login"}, {"pass", "password"}, {"key", "password"}, {"remote_host", "host"}, {"server", "host"},
		{"database", "schema"}, {"dbname", "schema"}, {"connection_type", "conn_type"}, {"engine", "conn_type"},
	}
}

// standard gives the fields of a connection in JSON their own names, and drops those that
// a connection does not have, as Airflow does, which drops dags, too. Any other text stays
// as it is.
func standard(text string) string {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return text
	}
	var in map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &in) != nil || in["uri"] != nil {
		return text // ParseConnection says what is wrong with it
	}
	out := map[string]json.RawMessage{}
	for _, field := range []string{"conn_type", "description", "host", "login", "password", "schema", "port", "extra", "extra_dejson", "dags"} {
		if v, ok := in[field]; ok {
			out[field] = v
		}
	}
	for _, w := range words() {
		if v, ok := in[w[0]]; ok && out[w[1]] == nil {
			out[w[1]] = v
		}
	}
	body, err := json.Marshal(out)
	if err != nil { // it was JSON before
		return text
	}
	return string(body)
}
