package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	stdsql "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/updraft-dev/updraft/task"
)

// mysqlSession is a connection to a MySQL or MariaDB server. As with mysqlclient a text
// may hold several statements, the first one's result counts, and parameters are
// literals by the time the server sees them.
type mysqlSession struct {
	db         *stdsql.DB
	conn       *stdsql.Conn
	autocommit bool
}

// mysqlConfig is the driver's configuration for a connection.
func mysqlConfig(t *target) (c *mysql.Config, unknown []string, err error) {
	c = mysql.NewConfig()
	c.User, c.Passwd, c.DBName = t.conn.Login, t.conn.Password, t.database
	c.MultiStatements = true
	c.Net, c.Addr = "tcp", net.JoinHostPort(orDefault(t.conn.Host, "localhost"), strconv.Itoa(orDefault(t.conn.Port, 3306)))
	if socket := t.option("unix_socket"); socket != "" {
		c.Net, c.Addr = "unix", socket
	}
	charset := orDefault(t.option("charset"), "utf8mb4")
	if strings.EqualFold(charset, "utf8") {
		charset = "utf8mb4" // what everybody means by it
	}
	if !strings.EqualFold(charset, "utf8mb4") {
		return nil, nil, fmt.Errorf("charset %s is not possible: texts are UTF-8, write utf8mb4", charset)
	}
	if err := c.Apply(mysql.Charset(charset, "")); err != nil {
		return nil, nil, err
	}
	if text := t.option("connect_timeout"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n <= 0 || n > 1e6 {
			return nil, nil, fmt.Errorf("connect_timeout %q is no number of seconds", text)
		}
		c.Timeout = time.Duration(n * float64(time.Second))
	}
	if c.TLS, err = mysqlTLS(t.option("ssl"), t.option("ssl_mode"), t.conn.Host); err != nil {
		return nil, nil, err
	}
	for _, ignored := range []string{"client", "cursor", "local_infile"} {
		delete(t.extra, ignored) // they choose among Python's drivers
	}
	return c, slices.Sorted(maps.Keys(t.extra)), nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// mysqlTLS reads ssl, a dict with ca, cert and key, and ssl_mode.
func mysqlTLS(ssl, mode, host string) (*tls.Config, error) {
	var files struct{ CA, Cert, Key string }
	if ssl != "" {
		if err := json.Unmarshal([]byte(ssl), &files); err != nil {
			return nil, errors.New("ssl is no dict with ca, cert and key")
		}
	}
	conf := &tls.Config{ServerName: host}
	switch strings.ToUpper(mode) {
	case "DISABLED":
		return nil, nil // no TLS
	case "REQUIRED", "PREFERRED":
		conf.InsecureSkipVerify = files.CA == "" // this mode encrypts only
	case "VERIFY_CA", "VERIFY_IDENTITY":
	case "":
		if ssl == "" {
			return nil, nil // no TLS
		}
	default:
		return nil, fmt.Errorf("ssl_mode %q is unknown: use DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY", mode)
	}
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			return nil, fmt.Errorf("ssl: ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ssl: ca: %s has no certificate", files.CA)
		}
	}
	if files.Cert != "" || files.Key != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, fmt.Errorf("ssl: cert: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

func openMySQL(ctx context.Context, a *task.Attempt, t target) (session, error) {
	config, unknown, err := mysqlConfig(&t)
	if err != nil {
		return nil, task.Misconfigured(fmt.Errorf("connection %s: extra: %w", t.conn.ID, err))
	}
	if len(unknown) > 0 {
		a.Log.WarnContext(ctx, fmt.Sprintf("connection %s: extra has %s, which is ignored", t.conn.ID, strings.Join(unknown, ", ")))
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, task.Misconfigured(fmt.Errorf("connection %s: %w", t.conn.ID, err))
	}
	db := stdsql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("connection %s: %w", t.conn.ID, err)
	}
	s := &mysqlSession{db: db, conn: conn, autocommit: t.autocommit}
	if !t.autocommit {
		if _, err := conn.ExecContext(ctx, "SET autocommit = 0"); err != nil {
			s.close(ctx)
			return nil, fmt.Errorf("connection %s: %w", t.conn.ID, err)
		}
	}
	return s, nil
}

func (s *mysqlSession) run(ctx context.Context, statement string, params any, want fetch) (result, error) {
	statement, err := interpolate(statement, params, mysqlLiteral)
	if err != nil {
		return result{}, err
	}
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return result{}, err
	}
	defer rows.Close()
	r, err := readResult(rows, want, mysqlValue)
	if err != nil {
		return r, err
	}
	for rows.NextResultSet() { // the others may still fail
		if _, err := readResult(rows, fetchNone, mysqlValue); err != nil {
			return r, err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || r.described {
		return r, err
	}
	return r, s.conn.QueryRowContext(ctx, "SELECT ROW_COUNT()").Scan(&r.affected)
}

func (s *mysqlSession) commit(ctx context.Context) error {
	if s.autocommit {
		return nil
	}
	_, err := s.conn.ExecContext(ctx, "COMMIT")
	return err
}

func (s *mysqlSession) close(context.Context) {
	// Without a commit the server undoes what was begun.
	_ = s.conn.Close()
	_ = s.db.Close()
}

// mysqlValue is the Python value that mysqlclient makes of a column's.
func mysqlValue(v any, kind string) any {
	raw, ok := v.([]byte)
	if !ok {
		if f, ok := v.(float32); ok {
			f64, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
			return f64
		}
		if n, ok := v.(uint64); ok {
			return json.Number(strconv.FormatUint(n, 10))
		}
		return v
	}
	text := string(raw)
	switch kind {
	case "DECIMAL":
		return decimal(text)
	case "DATE":
		return date(text)
	case "DATETIME", "TIMESTAMP":
		return naive(text)
	case "TIME":
		if d, ok := mysqlTime(text); ok {
			return d
		}
	case "BIT", "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "GEOMETRY":
		return raw
	}
	return text
}

// mysqlTime reads -838:59:59.000000.
func mysqlTime(text string) (time.Duration, bool) {
	rest, minus := strings.CutPrefix(text, "-")
	parts := strings.Split(rest, ":")
	if len(parts) != 3 {
		return 0, false
	}
	h, err1 := strconv.Atoi(parts[0])
	m, err2 := strconv.Atoi(parts[1])
	sec, err3 := strconv.ParseFloat(parts[2], 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return 0, false
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec*1e6+0.5)*time.Microsecond
	if minus {
		d = -d
	}
	return d, true
}
