package settings

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestParseConnection(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       Connection
	}{
		{"all parts", "postgresql://us%40er:p%2Fa%3Ass@Host.Example:5432/my%20db?sslmode=require&a=b+c",
			Connection{Type: "postgres", Login: "us@er", Password: "p/a:ss", Host: "host.example", Port: 5432, Schema: "my db", Extra: raw(`{"a":"b c","sslmode":"require"}`)}},
		{"type only", "fs://", Connection{Type: "fs"}},
		{"dashes in the type", "google-cloud-platform://?project=p", Connection{Type: "google_cloud_platform", Extra: raw(`{"project":"p"}`)}},
		{"underscores in the type", "google_cloud_platform://", Connection{Type: "google_cloud_platform"}},
		{"no schema", "http://h/?timeout=5", Connection{Type: "http", Host: "h", Extra: raw(`{"timeout":"5"}`)}},
		{"second protocol", "http://https://user:pw@api.example:8443/v1", Connection{Type: "http", Host: "https://api.example", Login: "user", Password: "pw", Port: 8443, Schema: "v1"}},
		{"same protocol twice", "http://http://api.example", Connection{Type: "http", Host: "http://api.example"}},
		{"protocol quoted", "http://https%3A%2F%2FApi.example%2Fx:80", Connection{Type: "http", Host: "https://Api.example/x", Port: 80}},
		{"__extra__", "aws://?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D", Connection{Type: "aws", Extra: raw(`{"a":{"b":1}}`)}},
		{"__extra__ that is no JSON", "x://?__extra__=plain", Connection{Type: "x", Extra: raw(`"plain"`)}},
		{"__extra__ that is a JSON text", "x://?__extra__=%22q%22", Connection{Type: "x", Extra: raw(`"\"q\""`)}},
		{"blank values", "x://h?a=&b", Connection{Type: "x", Host: "h", Extra: raw(`{"a":"","b":""}`)}},
		{"sqlite path", "sqlite:///%2Ftmp%2Fx.db", Connection{Type: "sqlite", Schema: "/tmp/x.db"}},
		{"sqlite host", "sqlite://%2FData%2Fx.db", Connection{Type: "sqlite", Host: "/Data/x.db"}},
		{"ipv6", "http://[::1]:80/", Connection{Type: "http", Host: "::1", Port: 80}},
		{"port only", "x://@:80", Connection{Type: "x", Port: 80}},
		{"password only", "x://:pw@h", Connection{Type: "x", Host: "h", Password: "pw"}},
		{"stray percent signs", "x://u:100%@h%zz", Connection{Type: "x", Host: "h%zz", Login: "u", Password: "100%"}},
		{"not UTF-8", "x://h/%ff", Connection{Type: "x", Host: "h", Schema: "\uFFFD"}},
		{"surrounding space", "  x://h\n", Connection{Type: "x", Host: "h"}},
		{"JSON", `{"conn_type":"postgresql","host":"H","port":"5432","login":"u","password":"p","schema":"s","description":"d","extra":{"a":[1]}}`,
			Connection{Type: "postgres", Host: "H", Port: 5432, Login: "u", Password: "p", Schema: "s", Description: "d", Extra: raw(`{"a":[1]}`)}},
		{"JSON with extra as text", ` {"conn_type":"my-type","extra":"{\"a\": 1}","port":1}`, Connection{Type: "my_type", Port: 1, Extra: raw(`{"a":1}`)}},
		{"JSON with nulls", `{"conn_type":"x","host":null,"port":null,"extra":null}`, Connection{Type: "x"}},
		{"JSON with a URI", `{"uri":"x://h","description":"d"}`, Connection{Type: "x", Host: "h", Description: "d"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.want.ID = "c"
			got, err := ParseConnection("c", tc.text)
			if err != nil {
				t.Fatalf("ParseConnection(%q): %v", tc.text, err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("ParseConnection(%q) (-want +got):\n%s", tc.text, d)
			}
		})
	}
}

func TestParseConnectionErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, want string }{
		{"", "connection c: the URI is empty: use type://login:password@host:port/schema"},
		{"hunter2", "connection c: the URI has no type: use type://login:password@host:port/schema, or a JSON object"},
		{"://u:hunter2@h", "connection c: the URI's type is not one: use letters, digits, and -"},
		{"9x://u:hunter2@h", "connection c: the URI's type is not one: use letters, digits, and -"},
		{"a://b://c://hunter2", `connection c: the URI has more than two "://": percent-encode those inside of its parts`},
		{"a://u:hunter2@x://h", "connection c: what stands before the second :// of the URI is not a protocol: login and password belong after it"},
		{"a://h/hunter2://x", `connection c: the URI has a second "://" that does not begin the host: percent-encode it`},
		{"a://u@h:hunter2", "connection c: the port of the URI: it is not a number (a password with / : @ ? or # must be percent-encoded)"},
		{"a://u:hunter2/x@h:1", "connection c: the port of the URI: it is not a number (a password with / : @ ? or # must be percent-encoded)"},
		{"a://h:65536", "connection c: the port of the URI: it is not between 0 and 65535"},
		{"a://h:99999999999999999999", "connection c: the port of the URI: it is not between 0 and 65535"},
		{"a://[::1/x", "connection c: the host of the URI: brackets do not match"},
		{"a://x[::1]", "connection c: the host of the URI: brackets do not match"},
		{"a://[::1]hunter2", "connection c: the host of the URI: something follows the bracket"},
		{`{"password": "hunter2"`, "connection c: it begins with { but is not a JSON object"},
		{`{} hunter2`, "connection c: something follows the JSON object"},
		{`{"pasword": "hunter2"}`, `connection c: unknown field "pasword": use conn_type, description, host, login, password, schema, port, extra, dags, or uri`},
		{`{"password": ["hunter2"]}`, "connection c: password is not a text"},
		{`{"port": "x"}`, `connection c: port "x" is not a number`},
		{`{"port": -1}`, "connection c: port -1 is not between 0 and 65535"},
		{`{"port": {}}`, "connection c: port is not a number"},
		{`{"uri": "a://h", "password": "hunter2"}`, "connection c: uri and password exclude each other: write one of them"},
		{`{"uri": 5}`, "connection c: uri is not a text"},
		{`{"conn_id": "d"}`, "connection c: its conn_id says otherwise: leave it out or make them equal"},
		{`{"extra": {"a":1}, "extra_dejson": {}}`, "connection c: extra and extra_dejson exclude each other: write one of them"},
	} {
		_, err := ParseConnection("c", tc.text)
		if err == nil || err.Error() != tc.want {
			t.Errorf("ParseConnection(%q)\n got %v\nwant %s", tc.text, err, tc.want)
		}
	}
}

func TestURI(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		c    Connection
		want string
	}{
		{Connection{Type: "postgres", Login: "u@", Password: "p/w", Host: "h", Port: 5432, Schema: "d b"}, "postgres://u%40:p%2Fw@h:5432/d%20b"},
		{Connection{Type: "google_cloud_platform", Extra: raw(`{"a":"x y","b":"&"}`)}, "google-cloud-platform:///?a=x+y&b=%26"},
		{Connection{Type: "aws", Schema: "s", Extra: raw(`{"a":1}`)}, "aws:///s?__extra__=%7B%22a%22%3A1%7D"},
		{Connection{Type: "http", Host: "https://h", Port: 1}, "http://https://h:1"},
		{Connection{Type: "http", Host: "http://h"}, "http://http%3A%2F%2Fh"},
		{Connection{Type: "x", Port: 80}, "x://@:80"},
		{Connection{Type: "x", Extra: raw(`"plain"`)}, "x:///?__extra__=plain"},
		{Connection{Type: "x", Extra: raw(`{"a":null}`)}, "x:///?__extra__=%7B%22a%22%3Anull%7D"},
		{Connection{Type: "x", Extra: raw(`{}`)}, "x:///?__extra__=%7B%7D"},
	} {
		if got := tc.c.URI(); got != tc.want {
			t.Errorf("URI() = %s, want %s", got, tc.want)
		}
		back, err := ParseURI("", tc.want)
		if err != nil {
			t.Fatalf("ParseURI(%s): %v", tc.want, err)
		}
		if d := cmp.Diff(tc.c, back); d != "" {
			t.Errorf("%s does not come back (-want +got):\n%s", tc.want, d)
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	c := Connection{ID: "c", Type: "x", Description: "d", Host: "H://", Login: "l", Password: "<p>", Schema: "s", Port: 9, Extra: raw(`{"n":12345678901234567890}`)}
	got, err := ParseConnection("c", c.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	c := Connection{ID: "c", Password: "p w", Extra: raw(`{"api_key":"k1","nested":{"my_TOKEN":["t1"],"host":"open"},"keyfile_dict":"{\"private_key\":\"pk\",\"x\":\"y\"}"}`)}
	want := []string{"k1", "p w", "p%20w", "p+w", "pk", "t1", `{"private_key":"pk","x":"y"}`}
	if d := cmp.Diff(want, c.Secrets()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, tc := range []struct {
		v    Variable
		want []string
	}{
		{Variable{Key: "DB_PassWord", Value: "x"}, []string{"x"}},
		{Variable{Key: "plain", Value: "x"}, nil},
		{Variable{Key: "plain", Value: `{"secret":"s","a":"b"}`}, []string{"s"}},
	} {
		if d := cmp.Diff(tc.want, tc.v.Secrets()); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.v.Key, d)
		}
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v", c, c), fmt.Sprint(Variable{Key: "k", Value: "p w"})} {
		if strings.Contains(text, "p w") {
			t.Errorf("printing shows a secret: %s", text)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 251)
	for _, tc := range []struct {
		got  error
		want string
	}{
		{(&Connection{Port: -1, Extra: raw("{")}).Validate(), "connection id is empty\nconnection  has no type: give one such as http, postgres or generic\nconnection : port -1 is not between 0 and 65535\nconnection : extra is not JSON"},
		{(&Variable{Key: long}).Validate(), "variable key has 251 characters: 250 are allowed"},
		{(&Variable{Key: "a\nb"}).Validate(), `variable key "a\nb" has control characters`},
		{(&Pool{Name: "p", Slots: -2}).Validate(), "pool p: slots is -2: use a number from 0, or -1 for no limit"},
		{(&Connection{ID: "c", Type: "x"}).Validate(), "<nil>"},
		{(&Pool{Name: "p", Slots: -1}).Validate(), "<nil>"},
	} {
		if got := fmt.Sprint(tc.got); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{
		"postgresql://us%40er:p%2Fa%3Ass@Host:5432/my%20db?a=b+c", "http://https://u:p@h:1/v", "x://[::1%25eth0]:1", "x://?__extra__=%7B%7D",
		"x://%", "x://h%2f:1", "x:///?a=&a=1", "x://@:80", "a://b/c#d", "x://u:p@", "x://https://https%3A%2F%2Fh",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseURI("c", s)
		if err != nil {
			return
		}
		again, err := ParseURI("c", c.URI())
		if err != nil {
			t.Fatalf("%q gives %q, which does not parse: %v", s, c.URI(), err)
		}
		// What a host writes in capitals is lowered, unless it is quoted.
		c.Host, again.Host = strings.ToLower(c.Host), strings.ToLower(again.Host)
		if d := cmp.Diff(c, again); d != "" {
			t.Fatalf("%q by %q (-first +again):\n%s", s, c.URI(), d)
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("%q gives an invalid connection: %v", s, err)
		}
	})
}
