package emulatortest

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// postgresVariable is written by localstack/up, too.
const postgresVariable = "UPDRAFT_TEST_POSTGRES"

// Postgres returns the URL of a schema of a real PostgreSQL, which nobody else uses: its
// name is a parameter of the URL. It is not there yet, and is removed when the test has
// ended. The user may make databases and roles.
func Postgres(t testing.TB) string {
	t.Helper()
	at(t, postgresVariable)
	base := os.Getenv(postgresVariable)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s is no URL: %s", postgresVariable, remedy)
	}
	schema := "t_" + strings.ReplaceAll(Name(t), "-", "_")
	Cleanup(t, "drop schema "+schema, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, base)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		return err
	})
	q := u.Query()
	q.Set("schema", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
