package sql

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	lite, pg, my := sqliteDialect(), postgresDialect(), mysqlDialect()
	tests := []struct {
		name string
		d    dialect
		text string
		want []string
	}{
		{"nothing", lite, " ; -- only a comment\n ;/* x */", nil},
		{"two", lite, "select 1;\n select 2 ;", []string{"select 1", "select 2"}},
		{"quotes", lite, `select ';', "a;b", 'it''s;'; select [x;y], ` + "`p;q`" + `;`, []string{`select ';', "a;b", 'it''s;'`, "select [x;y], `p;q`"}},
		{"comments stay", lite, "select 1 -- a;b\n, 2; /* c;d */ select 3", []string{"select 1 -- a;b\n, 2", "/* c;d */ select 3"}},
		{"no backslash in sqlite", lite, `select '\'; select 2`, []string{`select '\'`, "select 2"}},
		{"never closed", lite, "select 'a; select 2", []string{"select 'a; select 2"}},
		{"trigger", lite, "CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN UPDATE y SET a = CASE WHEN 1 THEN 2 END; DELETE FROM z; END; select 1",
			[]string{"CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN UPDATE y SET a = CASE WHEN 1 THEN 2 END; DELETE FROM z; END", "select 1"}},
		{"transaction", lite, "BEGIN; insert into x values (1); END; COMMIT", []string{"BEGIN", "insert into x values (1)", "END", "COMMIT"}},
		{"dollar quotes", pg, "DO $$ begin x; end $$; select $a$ ;$b$; $a$, $1; select 2", []string{"DO $$ begin x; end $$", "select $a$ ;$b$; $a$, $1", "select 2"}},
		{"dollar never closed", pg, "select $$ ; 1", []string{"select $$ ; 1"}},
		{"a name with a dollar", pg, "select a$b; select 1$", []string{"select a$b", "select 1$"}},
		{"escape text", pg, `select E'\';', '\'; select 2`, []string{`select E'\';', '\'`, "select 2"}},
		{"nested comment", pg, "/* a /* ; */ ; */ select 1; select 2", []string{"/* a /* ; */ ; */ select 1", "select 2"}},
		{"atomic body", pg, "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC select 1; select 2; END; select 3",
			[]string{"CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC select 1; select 2; END", "select 3"}},
		{"mysql", my, "select '\\';'; # c;d\nselect 1--2; -- e;f\nselect 3", []string{`select '\';'`, "# c;d\nselect 1--2", "-- e;f\nselect 3"}},
		{"procedure", my, "CREATE DEFINER=a PROCEDURE p() BEGIN IF x THEN select 1; END IF; WHILE y DO CASE z WHEN 1 THEN select 2; END CASE; END WHILE; END; select 4",
			[]string{"CREATE DEFINER=a PROCEDURE p() BEGIN IF x THEN select 1; END IF; WHILE y DO CASE z WHEN 1 THEN select 2; END CASE; END WHILE; END", "select 4"}},
		{"a table named event", lite, "create table event (a); insert into event values (1); select 2", []string{"create table event (a)", "insert into event values (1)", "select 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(tt.want, tt.d.split(tt.text)); d != "" {
				t.Errorf("split(%q) (-want +got):\n%s", tt.text, d)
			}
		})
	}
}

func TestFirstWord(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"-- x\n (/* y */ select 1)": "SELECT", "": "", "'a' select": "", "with a as (select 1) select * from a": "WITH",
	} {
		if got := sqliteDialect().firstWord(text); got != want {
			t.Errorf("firstWord(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestQuestionMarks(t *testing.T) {
	t.Parallel()
	if n, ok := sqliteDialect().questionMarks("select ?, '?', ? -- ?\n, [?]"); n != 2 || !ok {
		t.Errorf("got %d, %v", n, ok)
	}
	if _, ok := sqliteDialect().questionMarks("select ?1"); ok {
		t.Error("numbered ones are not seen")
	}
}

// Splitting loses nothing but blanks and semicolons, and what it gives is whole.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"select 1; select 2", "$a$;$a$;", "/*/*;*/*/;x", "'\\';'", "create trigger t begin x; end; y", "[;", "--", "E'", "é;`;`"} {
		f.Add(s, uint8(len(s)))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		d := []dialect{sqliteDialect(), postgresDialect(), mysqlDialect()}[which%3]
		rest := text
		for _, s := range d.split(text) {
			i := strings.Index(rest, s)
			if i < 0 {
				t.Fatalf("statement %q is not in %q", s, rest)
			}
			// None is fine: -- at the end begins a comment in MySQL, before a semicolon not.
			if again := d.split(s); len(again) > 1 || len(again) == 1 && again[0] != s {
				t.Fatalf("%q splits again into %q", s, again)
			}
			rest = rest[i+len(s):]
		}
		d.firstWord(text)
		d.questionMarks(text)
	})
}
