package sql

import (
	"crypto/tls"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

func targetOf(c settings.Connection, database string) *target {
	return &target{conn: c, database: database, extra: c.ExtraMap()}
}

func TestPostgresDSN(t *testing.T) {
	t.Parallel()
	c := settings.Connection{Host: "db.example", Port: 5433, Login: "me", Password: `it's \ secret`, Extra: json.RawMessage(
		`{"sslmode": "disable", "connect_timeout": 10, "keepalives": 1, "cursor": "dictcursor", "options": "-c statement_timeout=5000"}`)}
	dsn, unknown := postgresDSN(targetOf(c, "sales"))
	const want = `connect_timeout='10' dbname='sales' host='db.example' options='-c statement_timeout=5000' password='it\'s \\ secret' port='5433' sslmode='disable' user='me'`
	if dsn != want {
		t.Errorf("got  %s\nwant %s", dsn, want)
	}
	if d := cmp.Diff([]string{"cursor", "keepalives"}, unknown); d != "" {
		t.Errorf("unknown (-want +got):\n%s", d)
	}
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if config.Password != c.Password || config.Host != c.Host || config.Port != 5433 || config.Database != "sales" || config.ConnectTimeout != 10*time.Second {
		t.Errorf("the driver reads %+v", config)
	}
}

func TestMySQLConfig(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		conn    settings.Connection
		extra   string
		dsn     string
		unknown []string
		tls     *tls.Config
		fault   string
	}{
		{name: "nothing", dsn: "tcp(localhost:3306)/sales?charset=utf8mb4&multiStatements=true"},
		{name: "all", conn: settings.Connection{Host: "::1", Port: 3307, Login: "me", Password: "p@ss/word"}, extra: `{"charset": "utf8", "connect_timeout": 2, "cursor": "x", "odd": 1}`,
			dsn: "me:p@ss/word@tcp([::1]:3307)/sales?charset=utf8mb4&multiStatements=true&timeout=2s", unknown: []string{"odd"}},
		{name: "socket", extra: `{"unix_socket": "/run/mysqld.sock"}`, dsn: "unix(/run/mysqld.sock)/sales?charset=utf8mb4&multiStatements=true"},
		{name: "required", conn: settings.Connection{Host: "h"}, extra: `{"ssl_mode": "required"}`, dsn: "tcp(h:3306)/sales?charset=utf8mb4&multiStatements=true",
			tls: &tls.Config{ServerName: "h", InsecureSkipVerify: true}}, // what the mode means
		{name: "verified", conn: settings.Connection{Host: "h"}, extra: `{"ssl_mode": "VERIFY_IDENTITY", "ssl": {}}`, dsn: "tcp(h:3306)/sales?charset=utf8mb4&multiStatements=true",
			tls: &tls.Config{ServerName: "h"}}, // the driver's least version
		{name: "disabled", extra: `{"ssl_mode": "DISABLED", "ssl": {"ca": "/none"}}`, dsn: "tcp(localhost:3306)/sales?charset=utf8mb4&multiStatements=true"},
		{name: "charset", extra: `{"charset": "latin1"}`, fault: "charset latin1 is not possible: texts are UTF-8, write utf8mb4"},
		{name: "timeout", extra: `{"connect_timeout": "x"}`, fault: `connect_timeout "x" is no number of seconds`},
		{name: "mode", extra: `{"ssl_mode": "x"}`, fault: `ssl_mode "x" is unknown: use DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY`},
		{name: "ssl", extra: `{"ssl": "x"}`, fault: "ssl is no dict with ca, cert and key"},
		{name: "ca", extra: `{"ssl": {"ca": "/none"}}`, fault: "ssl: ca: open /none: no such file or directory"},
		{name: "no ca", extra: `{"ssl": {"ca": "/dev/null"}}`, fault: "ssl: ca: /dev/null has no certificate"},
		{name: "cert", extra: `{"ssl": {"cert": "/none", "key": "/none"}}`, fault: "ssl: cert: open /none: no such file or directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.conn.SetExtraText(tt.extra)
			c, unknown, err := mysqlConfig(targetOf(tt.conn, "sales"))
			if err != nil {
				if err.Error() != tt.fault {
					t.Errorf("got  %v\nwant %s", err, tt.fault)
				}
				return
			}
			if (c.TLS == nil) != (tt.tls == nil) || c.TLS != nil && (c.TLS.ServerName != tt.tls.ServerName || c.TLS.InsecureSkipVerify != tt.tls.InsecureSkipVerify) {
				t.Errorf("TLS is %v", c.TLS)
			}
			c.TLS = nil
			if got := c.FormatDSN(); got != tt.dsn {
				t.Errorf("got  %s\nwant %s", got, tt.dsn)
			}
			if d := cmp.Diff(tt.unknown, unknown); d != "" {
				t.Errorf("unknown (-want +got):\n%s", d)
			}
		})
	}
}

func TestLiterals(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 1, 10, 0, 0, 5000, time.FixedZone("", 7200))
	tests := []struct {
		v               any
		postgres, mysql string
	}{
		{nil, "NULL", "NULL"},
		{true, "true", "true"},
		{int64(-5), " -5", " -5"},
		{7, "7", "7"},
		{1.5, "1.5", "1.5"},
		{-1e21, " -1e+21", " -1e+21"},
		{"it's", "'it''s'", "'it''s'"},
		{`a\'`, ` E'a\\'''`, "_utf8mb4 0x615c27"},
		{at, "'2024-05-01 10:00:00.000005+02:00'", "'2024-05-01 10:00:00.000005'"},
		{date("2024-05-01"), "'2024-05-01'", "'2024-05-01'"},
		{decimal("-1.50"), " -1.50", " -1.50"},
		{decimal("12"), "12", "12"},
		{90 * time.Second, "'90000000 microseconds'::interval", "sec_to_time(90)"},
		{[]byte{0, 255}, `'\x00ff'::bytea`, "x'00ff'"},
		{[]any{int64(1), "a"}, "ARRAY[1, 'a']", "(1, 'a')"},
		{[]any{}, "'{}'", "()"},
		{task.Tuple{int64(1), nil}, "(1, NULL)", "(1, NULL)"},
		{map[string]any{}, "", ""},
		{[]any{map[string]any{"a": int64(1)}}, "", ""},
		{decimal("1; DROP TABLE t"), "", ""},
	}
	for _, tt := range tests {
		for name, f := range map[string]func(any) (string, error){tt.postgres: postgresLiteral, tt.mysql: mysqlLiteral} {
			got, err := f(tt.v)
			if err != nil && name == "" && strings.HasSuffix(err.Error(), "cannot be a parameter") {
				continue
			}
			if got != name || err != nil {
				t.Errorf("%v: got %s, want %s (%v)", tt.v, got, name, err)
			}
		}
	}
	if _, err := postgresLiteral("a\x00"); err == nil || err.Error() != "a text with a zero byte cannot be a parameter" {
		t.Errorf("a zero byte: %v", err)
	}
}

func TestInterpolate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		statement string
		params    any
		want      string
	}{
		{"SELECT 5 % 2, '%s'", nil, "SELECT 5 % 2, '%s'"},
		{"SELECT %s, %s, 5 %% 2", []any{int64(1), "%s"}, "SELECT 1, '%s', 5 % 2"},
		{"SELECT %(a)s, %(b)s, %(a)s", map[string]any{"a": int64(1), "b": nil, "c": nil}, "SELECT 1, NULL, 1"},
		{"SELECT 5-%s", []any{int64(-1)}, "SELECT 5- -1"},
		{"SELECT %s", []any{int64(1), int64(2)}, "the statement has 1 %s for 2 parameters"},
		{"SELECT %s, %s", []any{int64(1)}, "the statement has more %s than the 1 parameters"},
		{"SELECT %(a)s", []any{int64(1)}, "the statement has %(a)s but parameters is a list"},
		{"SELECT %(x)s", map[string]any{"a": int64(1)}, "the statement has %(x)s but parameters has no x"},
		{"SELECT %s", map[string]any{"a": int64(1)}, "the statement has %s but parameters is a dict: write %(name)s"},
		{"SELECT %(a", map[string]any{"a": int64(1)}, "a %( in the statement is no %(name)s: write %% for a percent sign"},
		{"LIKE 'a%'", []any{int64(1)}, "a % in the statement is neither %s nor %(name)s: write %% for a percent sign"},
		{"SELECT %s", []any{map[string]any{"a": int64(1)}}, `argument parameters: {"a":1} cannot be a parameter`},
	}
	for _, tt := range tests {
		got, err := interpolate(tt.statement, tt.params, postgresLiteral)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s %v\ngot  %s\nwant %s", tt.statement, tt.params, got, tt.want)
		}
	}
}

// A value never gets out of its literal.
func FuzzInterpolate(f *testing.F) {
	for _, s := range []string{"'", `\`, `\'`, "''; --", "$$", "%s", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []struct {
			d       dialect
			literal func(any) (string, error)
		}{{postgresDialect(), postgresLiteral}, {mysqlDialect(), mysqlLiteral}} {
			got, err := interpolate("SELECT %s, 'end'", []any{s}, c.literal)
			if err != nil {
				continue
			}
			var kinds []tokenKind
			for rest := got; rest != ""; {
				tok := c.d.next(rest)
				rest = rest[len(tok.text):]
				if tok.kind != tokenBlank {
					kinds = append(kinds, tok.kind)
				}
			}
			// SELECT literal , 'end': a MySQL text with a backslash is two words.
			if n := len(kinds); n > 5 || kinds[n-1] != tokenQuoted || kinds[n-2] != tokenPunct || !strings.HasSuffix(got, ", 'end'") {
				t.Errorf("%q becomes %q", s, got)
			}
		}
	})
}

func TestPostgresValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		oid  uint32
		text string
		want any
	}{
		{pgtype.BoolOID, "t", true},
		{pgtype.Int8OID, "-5", int64(-5)},
		{pgtype.Float4OID, "1.5", 1.5},
		{pgtype.NumericOID, "12.50", tag(classDecimal, 1, "12.50")},
		{pgtype.NumericOID, "12", tag(classDecimal, 1, json.Number("12"))},
		{pgtype.NumericOID, "NaN", tag(classDecimal, 1, "NaN")},
		{pgtype.DateOID, "2024-05-01", tag("datetime.date", 2, "2024-05-01")},
		{pgtype.DateOID, "infinity", "infinity"},
		{pgtype.TimestampOID, "2024-05-01 00:00:00.5", tag("datetime.datetime", 2, map[string]any{"timestamp": 1714521600.5, "tz": nil})},
		{pgtype.TimestamptzOID, "2024-05-01 00:00:00+00", time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)},
		{pgtype.TimestamptzOID, "2024-05-01 05:30:00+05:30", tag("datetime.datetime", 2, map[string]any{
			"timestamp": 1714521600.0, "tz": tag("builtins.tuple", 1, []any{int64(19800), "pendulum.tz.timezone.FixedTimezone", int64(1), true}),
		})},
		{pgtype.IntervalOID, "1 year 2 mons 3 days 04:05:06.5", (365+60+3)*24*time.Hour + 4*time.Hour + 5*time.Minute + 6500*time.Millisecond},
		{pgtype.JSONBOID, `{"a": [1, 1.5, null]}`, map[string]any{"a": []any{int64(1), 1.5, nil}}},
		{pgtype.ByteaOID, `\x00ff`, []byte{0, 255}},
		{pgtype.UUIDOID, "6f3c3b1e-0000-4000-8000-000000000000", "6f3c3b1e-0000-4000-8000-000000000000"},
		{pgtype.Int4ArrayOID, "{1,NULL,{2}}", []any{int64(1), nil, []any{int64(2)}}},
		{pgtype.Int4ArrayOID, "[0:1]={1,2}", []any{int64(1), int64(2)}},
		{pgtype.TextArrayOID, `{"a,\"b\\",c d,"NULL",""}`, []any{`a,"b\`, "c d", "NULL", ""}},
		{pgtype.TextArrayOID, "{}", []any{}},
		{pgtype.TextArrayOID, "{a", "{a"},
		{0, "whatever", "whatever"},
	}
	for _, tt := range tests {
		got := postgresValue(pgtype.NewMap(), tt.oid, []byte(tt.text))
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%d %s (-want +got):\n%s", tt.oid, tt.text, d)
		}
	}
	if got := postgresValue(pgtype.NewMap(), pgtype.TextOID, nil); got != nil {
		t.Errorf("NULL is %v", got)
	}
}

func FuzzPostgresArray(f *testing.F) {
	for _, s := range []string{"{}", "{1,NULL}", `{"a\"b",{c}}`, "[0:1]={1,2}", "{", `{"`, "{a,}"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		postgresArray(s, func(e []byte) any { return string(e) })
	})
}

func TestMySQLValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v    any
		kind string
		want any
	}{
		{int64(1), "TINYINT", int64(1)},
		{uint64(1 << 63), "UNSIGNED BIGINT", json.Number("9223372036854775808")},
		{float32(1.1), "FLOAT", 1.1},
		{[]byte("1.50"), "DECIMAL", tag(classDecimal, 1, "1.50")},
		{[]byte("2024-05-01"), "DATE", tag("datetime.date", 2, "2024-05-01")},
		{[]byte("0000-00-00"), "DATE", "0000-00-00"},
		{[]byte("2024-05-01 00:00:00"), "DATETIME", tag("datetime.datetime", 2, map[string]any{"timestamp": 1714521600.0, "tz": nil})},
		{[]byte("-01:30:00.5"), "TIME", -(90*time.Minute + 500*time.Millisecond)},
		{[]byte("x"), "TIME", "x"},
		{[]byte("x"), "VARCHAR", "x"},
		{[]byte("{}"), "JSON", "{}"},
		{[]byte("x"), "BLOB", []byte("x")},
		{nil, "VARCHAR", nil},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, mysqlValue(tt.v, tt.kind)); d != "" {
			t.Errorf("%v %s (-want +got):\n%s", tt.v, tt.kind, d)
		}
	}
}

func TestTruthAndShow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v     any
		truth bool
		show  string
	}{
		{nil, false, "None"}, {false, false, "False"}, {true, true, "True"}, {int64(0), false, "0"}, {0.0, false, "0.0"}, {"", false, "''"},
		{"it's", true, `'it\'s'`}, {[]byte{}, false, "0 bytes"}, {[]any{}, false, "[]"}, {map[string]any{}, false, "{}"},
		{decimal("0.00"), false, "0.00"}, {decimal("5"), true, "5"}, {date("2024-05-01"), true, "2024-05-01"}, {time.Duration(0), false, `{"__classname__":"datetime.timedelta","__version__":2,"__data__":0.0}`},
		{task.Tuple{int64(1)}, true, "(1,)"}, {task.Tuple{}, false, "()"},
		{time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), true, "2024-05-01 00:00:00+00:00"},
	}
	for _, tt := range tests {
		if got := truth(tt.v); got != tt.truth {
			t.Errorf("truth(%v) = %v", tt.v, got)
		}
		if got := show(tt.v); got != tt.show {
			t.Errorf("show(%v) = %s, want %s", tt.v, got, tt.show)
		}
	}
}
