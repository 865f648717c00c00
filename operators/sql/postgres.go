package sql

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/updraft-dev/updraft/task"
)

// postgresOptions are the fields of a connection's extra that go to the driver as they
// are. The environment (PGSSLMODE, ...) and ~/.pgpass count as with libpq.
var postgresOptions = []string{
	"application_name", "channel_binding", "connect_timeout", "krbspn", "krbsrvname", "options", "passfile",
	"require_auth", "search_path", "service", "servicefile", "sslcert", "sslkey", "sslmode", "sslnegotiation",
	"sslpassword", "sslrootcert", "sslsni", "target_session_attrs", "timezone",
}

// postgresSession is a connection to a Postgres server. Statements go by the simple
// protocol, as psycopg2 sends them: a text may hold several, the last one's result
// counts, and parameters are literals by then.
type postgresSession struct {
	conn       *pgconn.PgConn
	types      *pgtype.Map
	autocommit bool
	begun      bool
}

// postgresDSN is the driver's text for a connection.
func postgresDSN(t *target) (dsn string, unknown []string) {
	m := map[string]string{
		"host": t.conn.Host, "user": t.conn.Login, "password": t.conn.Password, "dbname": t.database,
	}
	if t.conn.Port != 0 {
		m["port"] = strconv.Itoa(t.conn.Port)
	}
	for name := range t.extra {
		if slices.Contains(postgresOptions, name) {
			m[name] = t.option(name)
		} else {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if v := m[name]; v != "" {
			v = strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), `'`, `\'`)
			parts = append(parts, name+"='"+v+"'")
		}
	}
	return strings.Join(parts, " "), unknown
}

func openPostgres(ctx context.Context, a *task.Attempt, t target) (session, error) {
	dsn, unknown := postgresDSN(&t)
	if len(unknown) > 0 {
		a.Log.WarnContext(ctx, fmt.Sprintf("connection %s: extra has %s, which is ignored", t.conn.ID, strings.Join(unknown, ", ")))
	}
	config, err := pgconn.ParseConfig(dsn)
	if err != nil { // the driver takes the password out of its errors
		return nil, task.Misconfigured(fmt.Errorf("connection %s: %w", t.conn.ID, err))
	}
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		// The server is told to stop a statement that nobody waits for any more.
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 5 * time.Second}
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		a.Log.InfoContext(ctx, n.Severity+": "+n.Message)
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", t.conn.ID, err)
	}
	return &postgresSession{conn: conn, types: pgtype.NewMap(), autocommit: t.autocommit}, nil
}

func (s *postgresSession) run(ctx context.Context, statement string, params any, want fetch) (result, error) {
	statement, err := interpolate(statement, params, postgresLiteral)
	if err != nil {
		return result{}, err
	}
	if !s.autocommit && !s.begun {
		if _, err := s.exec(ctx, "BEGIN", fetchNone); err != nil {
			return result{}, err
		}
		s.begun = true
	}
	return s.exec(ctx, statement, want)
}

// exec executes a text and gives the result of the last statement in it.
func (s *postgresSession) exec(ctx context.Context, statement string, want fetch) (result, error) {
	var r result
	var tooLarge error
	all := s.conn.Exec(ctx, statement)
	for all.NextResult() {
		one := all.ResultReader()
		fields := one.FieldDescriptions()
		r = result{described: fields != nil, affected: -1}
		for one.NextRow() && tooLarge == nil {
			row := make(task.Tuple, len(fields))
			if want != fetchNone {
				for i, v := range one.Values() {
					row[i] = postgresValue(s.types, fields[i].DataTypeOID, v)
				}
			}
			tooLarge = r.add(row, want)
		}
		command, err := one.Close()
		if err != nil {
			break // all.Close says it
		}
		if text := command.String(); strings.ContainsAny(text, "0123456789") {
			r.affected = command.RowsAffected()
		}
	}
	return r, errors.Join(tooLarge, postgresError(all.Close()))
}

// postgresError adds what psycopg shows as well: the detail and the hint.
func postgresError(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	for _, more := range []struct{ name, text string }{{"DETAIL", e.Detail}, {"HINT", e.Hint}, {"CONTEXT", e.Where}} {
		if more.text != "" {
			err = fmt.Errorf("%w; %s: %s", err, more.name, more.text)
		}
	}
	return err
}

func (s *postgresSession) commit(ctx context.Context) error {
	if !s.begun {
		return nil
	}
	_, err := s.exec(ctx, "COMMIT", fetchNone)
	return err
}

func (s *postgresSession) close(ctx context.Context) {
	// Without a commit the server undoes what was begun. The context may have ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // the connection is gone in any case
}

// postgresValue is the Python value of a text of the server, as psycopg2 makes it:
// types that it does not know stay texts.
func postgresValue(types *pgtype.Map, oid uint32, raw []byte) any {
	if raw == nil {
		return nil
	}
	text := string(raw)
	switch oid {
	case pgtype.BoolOID:
		return text == "t"
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case pgtype.Float4OID, pgtype.Float8OID:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case pgtype.NumericOID:
		return decimal(text)
	case pgtype.DateOID:
		return date(text)
	case pgtype.TimestampOID:
		return naive(text)
	case pgtype.TimestamptzOID:
		for _, layout := range []string{"2006-01-02 15:04:05-07", "2006-01-02 15:04:05-07:00", "2006-01-02 15:04:05-07:00:00"} {
			if t, err := time.Parse(layout, text); err == nil {
				return aware(t)
			}
		}
	case pgtype.IntervalOID:
		var i pgtype.Interval
		if types.Scan(oid, pgtype.TextFormatCode, raw, &i) == nil {
			days := int64(i.Months/12)*365 + int64(i.Months%12)*30 + int64(i.Days)
			return time.Duration(days)*24*time.Hour + time.Duration(i.Microseconds)*time.Microsecond
		}
	case pgtype.JSONOID, pgtype.JSONBOID:
		if v, err := plainJSON(text); err == nil {
			return v
		}
	case pgtype.ByteaOID:
		if b, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil {
			return b
		}
	default:
		if t, ok := types.TypeForOID(oid); ok {
			if array, ok := t.Codec.(*pgtype.ArrayCodec); ok {
				if l, ok := postgresArray(text, func(e []byte) any { return postgresValue(types, array.ElementType.OID, e) }); ok {
					return l
				}
			}
		}
	}
	return text
}

// plainJSON decodes JSON with whole numbers as int64.
func plainJSON(text string) (any, error) { return task.DecodeXCom(json.RawMessage(text)) }

// postgresArray reads an array as the server writes it: {1,NULL,"a,b",{2}}.
func postgresArray(text string, element func([]byte) any) ([]any, bool) {
	if strings.HasPrefix(text, "[") { // [0:2]={...}: bounds, which a list has not
		_, text, _ = strings.Cut(text, "=")
	}
	p := arrayReader{text, element}
	l, ok := p.list()
	return l, ok && p.rest == ""
}

type arrayReader struct {
	rest    string
	element func([]byte) any
}

func (p *arrayReader) list() ([]any, bool) {
	if !strings.HasPrefix(p.rest, "{") {
		return nil, false
	}
	p.rest = p.rest[1:]
	out := []any{}
	if strings.HasPrefix(p.rest, "}") {
		p.rest = p.rest[1:]
		return out, true
	}
	for p.rest != "" {
		switch p.rest[0] {
		case '{':
			l, ok := p.list()
			if !ok {
				return nil, false
			}
			out = append(out, l)
		case '"':
			out = append(out, p.element(p.quoted()))
		default:
			end := strings.IndexAny(p.rest, ",}")
			if end < 0 {
				return nil, false
			}
			if e := p.rest[:end]; strings.EqualFold(e, "NULL") {
				out = append(out, nil)
			} else {
				out = append(out, p.element([]byte(e)))
			}
			p.rest = p.rest[end:]
		}
		if p.rest == "" {
			return nil, false
		}
		end := p.rest[0]
		p.rest = p.rest[1:]
		if end != ',' {
			return out, end == '}'
		}
	}
	return nil, false
}

// quoted takes an element in quotes off the rest.
func (p *arrayReader) quoted() []byte {
	out := []byte{}
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return out
		case c == '\\' && i+1 < len(p.rest):
			i++
			out = append(out, p.rest[i])
		default:
			out = append(out, c)
		}
	}
	p.rest = ""
	return out
}
