package smtpmail

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// backend is an SMTP server's mailbox, in this process.
type backend struct {
	mu   sync.Mutex
	got  bytes.Buffer
	to   []string
	user string
}

func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{b}, nil }

type session struct{ *backend }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "hunter2" {
			return errors.New("wrong password")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.user = user
		return nil
	}), nil
}
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}
func (s *session) Data(r io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := io.Copy(&s.got, r)
	return err
}
func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// serve starts a server and returns its connection and what a client must trust.
func serve(t *testing.T, kind string) (*backend, settings.Connection, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := settings.Connection{ID: "smtp_default", Type: "smtp", Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
	b := &backend{}
	s := smtp.NewServer(b)
	s.Domain, s.AllowInsecureAuth = "localhost", true
	s.ErrorLog = nolog{}
	switch kind {
	case "ssl":
		l = tls.NewListener(l, config)
	case "starttls":
		s.TLSConfig = config
		c.Extra = []byte(`{"disable_ssl": true}`)
	case "plain":
		c.Extra = []byte(`{"disable_ssl": "true", "disable_tls": true}`)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return b, c, &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

type nolog struct{}

func (nolog) Printf(string, ...any) {}
func (nolog) Println(...any)        {}

func TestSend(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "report.txt")
	if err := os.WriteFile(file, []byte("attached"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ssl", "starttls", "plain"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b, c, trust := serve(t, kind)
			c.Login, c.Password = "me@x.org", "hunter2"
			m := task.Mail{
				To: []string{"a@x.org", "Bee <b@x.org>"}, CC: []string{"c@x.org"}, BCC: []string{"d@x.org"}, Subject: "Ünicode", Body: "<p>hi</p>",
				Files: []string{file}, Headers: map[string]string{"X-Updraft": "yes"},
			}
			s := Sender{TLS: trust, Now: func() time.Time { return time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC) }}
			if err := s.Send(t.Context(), c, m); err != nil {
				t.Fatal(err)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if got := strings.Join(b.to, " "); got != "a@x.org b@x.org c@x.org d@x.org" || b.user != "me@x.org" {
				t.Errorf("recipients %s, user %s", got, b.user)
			}
			text := b.got.String()
			for _, want := range []string{"From: <me@x.org>", "Subject: =?UTF-8?q?=C3=9Cnicode?=", "X-Updraft: yes", "Wed, 01 May 2024", "text/html", `filename="report.txt"`, "Cc: <c@x.org>"} {
				if !strings.Contains(text, want) {
					t.Errorf("mail has no %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "d@x.org") {
				t.Error("mail shows the blind copy")
			}
		})
	}
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	_, plain, _ := serve(t, "plain")
	_, ssl, _ := serve(t, "ssl")
	with := func(c settings.Connection, extra string) settings.Connection {
		c.Extra = []byte(extra)
		return c
	}
	wrong := plain
	wrong.Login, wrong.Password = "me@x.org", "hunter3"
	ok := task.Mail{From: "me@x.org", To: []string{"a@x.org"}}
	for _, tc := range []struct {
		c    settings.Connection
		m    task.Mail
		want string
	}{
		{settings.Connection{ID: "c"}, ok, "connection c has no host"},
		{with(plain, `{"disable_ssl": "perhaps"}`), ok, "connection smtp_default: extra disable_ssl: use true or false"},
		{with(plain, `{"timeout": "soon"}`), ok, "connection smtp_default: extra timeout: soon is no number of seconds"},
		{with(plain, `{"timeout": []}`), ok, "connection smtp_default: extra timeout is no number of seconds"},
		{plain, task.Mail{To: []string{"a@x.org"}}, `"" is no address to send from: set the extra from_email of connection smtp_default`},
		{plain, task.Mail{From: "me@x.org"}, "the mail has no recipient"},
		{plain, task.Mail{From: "me@x.org", To: []string{"no address"}}, "not an address: "},
		{plain, task.Mail{From: "me@x.org", To: []string{"a@x.org"}, Files: []string{"/no/such"}}, "cannot attach /no/such: it is not there, or no file"},
		{wrong, ok, "sending mail by 127.0.0.1:"},
		{ssl, ok, "sending mail by 127.0.0.1:"}, // its certificate is not trusted
	} {
		err := Sender{}.Send(t.Context(), tc.c, tc.m)
		if !strings.HasPrefix(fmt.Sprint(err), tc.want) || strings.Contains(fmt.Sprint(err), "hunter") {
			t.Errorf("\n got %v\nwant %s…", err, tc.want)
		}
	}
}
