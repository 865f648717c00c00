package pgconf

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Not parallel: the environment is the process'.
func TestParseURL(t *testing.T) {
	t.Setenv("PGHOST", "env.example")
	t.Setenv("PGPASSWORD", "env-secret")
	t.Setenv("PGSSLMODE", "disable")
	for _, tt := range []struct {
		url, host, password, schema string
		conns                       int
	}{
		{"postgres://u:p@db:5433/x", "db", "p", "updraft", 8},
		{"postgresql:///x?schema=Team_1&pool_max_conns=3", "env.example", "env-secret", "Team_1", 3},
		{"postgres://u@/x?host=a,b&port=1,2&password=q", "a", "q", "updraft", 8},
	} {
		c, err := ParseURL(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		conn := c.pool.ConnConfig
		if conn.Host != tt.host || conn.Password != tt.password || c.Schema != tt.schema || c.MaxConns() != tt.conns || conn.TLSConfig != nil {
			t.Errorf("%s: host %s, password %s, schema %s, %d connections, TLS %t", tt.url, conn.Host, conn.Password, c.Schema, c.MaxConns(), conn.TLSConfig != nil)
		}
		if conn.RuntimeParams["schema"] != "" || conn.RuntimeParams["application_name"] != "updraft" || conn.ConnectTimeout != connectTimeout {
			t.Errorf("%s: %v, %s to connect", tt.url, conn.RuntimeParams, conn.ConnectTimeout)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"mysql://u:secret@h/x":                       "it is no URL of PostgreSQL",
		"postgres:x":                                 "lacks the slashes",
		"postgres://u:secret@h:port/x":               "it is no URL of PostgreSQL",
		"postgres://u:secret@h/x?schema=pg_mine":     "use a name of letters",
		"postgres://u:secret@h/x?schema=a.b":         "use a name of letters",
		"postgres://u:secret@h/x?sslmode=perhaps":    "sslmode is invalid",
		"postgres://u:secret@h/x?pool_max_conns=few": "pool_max_conns",
		"postgres://u@h/x?password=secret&schema=":   "",
		"postgres://u:secret@h/x?a=%zz":              "its parameters cannot be read",
	} {
		c, err := ParseURL(url)
		if want == "" {
			if err != nil || strings.Contains(c.String(), "secret") {
				t.Errorf("%s: %v, shown as %s", url, err, c.String())
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one with %q and without the password", url, err, want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	db := &DB{c: Config{shown: "postgres://u:xxxxx@h/x"}}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&pgconn.PgError{Code: "28P01", Message: "no"}, "check user and password"},
		{&pgconn.PgError{Code: "28000", Message: "no"}, "check user and password"},
		{&pgconn.PgError{Code: "53300", Message: "no"}, "lower pool_max_conns"},
		{&pgconn.PgError{Code: "57P03", Message: "no"}, "wait for it"},
		{&pgconn.PgError{Code: "25006", Message: "no"}, "name the primary"},
		{&pgconn.PgError{Code: "XX000", Message: "odd"}, "postgres://u:xxxxx@h/x: : odd"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "doing: postgres://u:xxxxx@h/x: dial"},
		{context.Canceled, "doing: context canceled"},
	} {
		got := db.Explain("doing", tt.err)
		if !errors.Is(got, tt.err) || !strings.Contains(got.Error(), tt.want) {
			t.Errorf("%v: %v, want %q in it", tt.err, got, tt.want)
		}
	}
	if err := db.Explain("doing", nil); err != nil {
		t.Error(err)
	}
}

// TestDo: what the server has undone is done again, and nothing else is.
func TestDo(t *testing.T) {
	t.Parallel()
	deadlock, other := &pgconn.PgError{Code: codeDeadlock}, &pgconn.PgError{Code: "57P01"}
	for _, tt := range []struct {
		name  string
		errs  []error // of the calls, the last one's again and again
		calls int
		want  error
	}{
		{"success", []error{nil}, 1, nil},
		{"deadlocks", []error{deadlock, deadlock, nil}, 3, nil},
		{"deadlocks without end", []error{deadlock}, tries, deadlock},
		{"an answer that may be lost", []error{other}, 1, other},
		{"a silent server", []error{context.DeadlineExceeded}, 1, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := new(DB).Do(t.Context(), func(ctx context.Context) error {
					err := tt.errs[min(calls, len(tt.errs)-1)]
					calls++
					if errors.Is(err, context.DeadlineExceeded) {
						<-ctx.Done()
					}
					return err
				})
				if !errors.Is(err, tt.want) || calls != tt.calls {
					t.Errorf("%d calls, error %v; want %d, %v", calls, err, tt.calls, tt.want)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := new(DB).Do(ctx, func(context.Context) error { t.Error("it was called"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	wait(ctx, time.Hour)
	if time.Since(began) > time.Minute {
		t.Error("it waited")
	}
}
