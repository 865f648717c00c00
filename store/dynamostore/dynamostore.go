package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Config says which table, and how it is used. Only Table is needed.
type Config struct {
	Table string
	// Region and Endpoint take the place of those of the aws.Config.
	Region, Endpoint string
	// MaxItem is the size in bytes of the largest value that is kept, 1 MiB if zero. A value
	// above 256 KB should be kept elsewhere by reference: a write unit is 1 KB.
	MaxItem int
	// Retention is how long a run is kept after its end; zero is for ever. DynamoDB removes
	// what is older, some days late and at no price.
	Retention time.Duration
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Consumed is told what each request has consumed: its operation, read units and write
	// units. A write that was refused has consumed write units, too: at least one an item,
	// which is what is told of it. It may be called concurrently.
	Consumed func(op string, read, write float64)
}

// Store is the driver of store.Store for DynamoDB.
type Store struct {
	cfg    Config
	db     *dynamodb.Client
	closed atomic.Bool
	ids    ids

	mu      sync.Mutex
	places  map[run.ID]*place
	layouts map[[2]string]*layout
	bodies  map[[2]string][]byte
	known   map[string]bool
}

var _ store.Store = (*Store)(nil)

// DefaultMaxItem is the size of the largest value unless Config.MaxItem says otherwise.
const DefaultMaxItem = 1 << 20

// Open returns the store that is in a table. It sends no request: what is wrong with table
// or credentials shows with the first call.
func Open(_ context.Context, ac aws.Config, cfg Config) (*Store, error) {
	if cfg.Table == "" {
		return nil, errors.New("opening a DynamoDB store: no table is named: use dynamodb://TABLE?region=REGION")
	}
	if cfg.MaxItem == 0 {
		cfg.MaxItem = DefaultMaxItem
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Consumed == nil {
		cfg.Consumed = func(string, float64, float64) {}
	}
	db := dynamodb.NewFromConfig(ac, func(o *dynamodb.Options) {
		if cfg.Region != "" {
			o.Region = cfg.Region
		}
		if cfg.Endpoint != "" {
			o.BaseEndpoint = &cfg.Endpoint
		}
	})
	s := &Store{cfg: cfg, db: db, places: map[run.ID]*place{}, layouts: map[[2]string]*layout{},
		bodies: map[[2]string][]byte{}, known: map[string]bool{}}
	s.ids.now = cfg.Now
	return s, nil
}

// ParseURL reads dynamodb://TABLE?region=REGION&endpoint=URL; the parameters may be left
// out.
func ParseURL(text string) (Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("store %q: %w", text, err)
	}
	if u.Scheme != "dynamodb" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.Fragment != "" {
		return Config{}, fmt.Errorf("store %q is not of the form dynamodb://TABLE?region=REGION&endpoint=URL", text)
	}
	cfg := Config{Table: u.Host}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, fmt.Errorf("store %q: %w", text, err)
	}
	for name, values := range q {
		switch name {
		case "region":
			cfg.Region = values[0]
		case "endpoint":
			cfg.Endpoint = values[0]
		default:
			return Config{}, fmt.Errorf("store %q has an unknown parameter %q: use region and endpoint", text, name)
		}
	}
	return cfg, nil
}

// Close implements store.Store. There is nothing to release.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// enter begins a call.
func (s *Store) enter(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// ids makes numbers that are unique and ascend: microseconds since 2020, then twelve bits
// that tell processes apart.
type ids struct {
	now  func() time.Time
	mu   sync.Mutex
	last int64
}

const (
	idEpoch = 1577836800_000_000
	idBits  = 12
)

// next returns the next number, which is above floor and every one before.
func (g *ids) next(floor int64) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := (g.now().UnixMicro()-idEpoch)<<idBits | rand.Int64N(1<<idBits)
	if least := max(g.last, floor) + 1; id < least {
		id = least
	}
	g.last = id
	return id
}

// idTime returns when a number was made.
func idTime(id int64) time.Time { return time.UnixMicro(id>>idBits + idEpoch) }
