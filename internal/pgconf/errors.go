package pgconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Codes of errors that drivers have to know.
const (
	// CodeEncoding is of a text that is not UTF-8, or has a NUL.
	CodeEncoding = "22021"
	// CodeLimit is of what exceeds a limit of the server.
	CodeLimit = "54000"

	codeNoTable     = "42P01"
	codeTableExists = "42P07"
	codeUndone      = "40001"
	codeDeadlock    = "40P01"
)

// Code is the server's code of an error, empty if it is none of the server's.
func Code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// undone says that nothing of a call was kept, and that the same may succeed now.
func undone(err error) bool {
	c := Code(err)
	return c == codeUndone || c == codeDeadlock
}

// Explain adds what was being done, and for errors that somebody can do something about,
// what to do.
func (db *DB) Explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, db.remedy(err))
}

// remedies say what to do about errors, by the server's code or the class of it.
var remedies = map[string]string{
	"28":    "the server does not let this user in: check user and password in the URL, PGPASSWORD or ~/.pgpass, and the server's pg_hba.conf",
	"3D000": "the database is not there: make it (CREATE DATABASE) or name another one",
	"42501": "this user has not the right to do so: let the schema be this user's (CREATE SCHEMA ... AUTHORIZATION ...), or GRANT what is missing",
	"53300": "the server has too many connections: raise its max_connections, or lower pool_max_conns in the URL or the number of workers",
	"53100": "the server's disk is full: make room there; nothing of this write was kept",
	"53200": "the server is out of memory: nothing of this write was kept",
	"57P01": "the server ends connections, it is about to stop or to restart: what was under way is tried again or has to be",
	"57P02": "the server has crashed: it starts again by itself",
	"57P03": "the server is starting or stopping: wait for it",
	"25006": "the server takes no writes, it is a standby: name the primary (target_session_attrs=read-write with several hosts)",
	"55P03": "somebody holds a lock: look for it in pg_locks",
	"40001": "others change the same all the time: try again",
	"40P01": "others change the same all the time: try again",
}

func (db *DB) remedy(err error) error {
	code := Code(err)
	text := remedies[code]
	if text == "" && len(code) == 5 {
		text = remedies[code[:2]]
	}
	var (
		refused *net.OpError
		connect *pgconn.ConnectError
		name    *net.DNSError
	)
	switch {
	case text != "":
	case errors.As(err, &connect) && strings.HasSuffix(err.Error(), "server refused TLS connection"):
		text = "the server has no TLS: give it a certificate, or set sslmode=disable if nobody else is on the network"
	case errors.As(err, &name):
		text = "the host has no address: check its name"
	case errors.As(err, &connect) && errors.As(err, &refused):
		text = "nobody answers there: check host and port, and that the server runs"
	case errors.As(err, &connect):
		text = "no connection came about"
	default:
		return fmt.Errorf("%s: %w", db.c.shown, err)
	}
	return fmt.Errorf("%s: %s: %w", db.c.shown, text, err)
}
