// Package smtpmail sends mails by SMTP, through the server that a connection of
// Airflow's type smtp names. What a mail says is its caller's matter.
package smtpmail

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// Sender is a task.Mailer. Its zero value is ready for use.
type Sender struct {
	// Now stamps the mails; nil leaves their date to the library.
	Now func() time.Time
	// TLS is used in place of the default configuration, for servers with a
	// certificate of one's own.
	TLS *tls.Config
}

// defaults of Airflow's smtp connections.
const (
	defaultTimeout = 30 * time.Second
	portSSL        = 465
	portPlain      = 25
)

// server is what a connection says about its server.
type server struct {
	host        string
	port        int
	ssl         bool
	startTLS    bool
	timeout     time.Duration
	from        string
	login, pass string
}

// read takes Airflow's fields: host, port, login, password, and the extras
// disable_ssl, disable_tls, timeout and from_email. SSL from the start is the default;
// without it STARTTLS is demanded unless disable_tls says otherwise.
func read(c settings.Connection) (server, error) {
	s := server{host: c.Host, port: c.Port, login: c.Login, pass: c.Password, ssl: true, startTLS: true, timeout: defaultTimeout}
	if s.host == "" {
		return s, fmt.Errorf("connection %s has no host", c.ID)
	}
	extra := c.ExtraMap()
	for name, p := range map[string]*bool{"disable_ssl": &s.ssl, "disable_tls": &s.startTLS} {
		off, err := truth(extra[name])
		if err != nil {
			return s, fmt.Errorf("connection %s: extra %s: %w", c.ID, name, err)
		}
		*p = !off
	}
	switch v := extra["timeout"].(type) {
	case nil:
	case json.Number, string:
		seconds, err := strconv.ParseFloat(fmt.Sprint(v), 64)
		if err != nil || seconds <= 0 || seconds > 3600 {
			return s, fmt.Errorf("connection %s: extra timeout: %v is no number of seconds", c.ID, v)
		}
		s.timeout = time.Duration(seconds * float64(time.Second))
	default:
		return s, fmt.Errorf("connection %s: extra timeout is no number of seconds", c.ID)
	}
	s.from, _ = extra["from_email"].(string)
	if s.port == 0 {
		s.port = portPlain
		if s.ssl {
			s.port = portSSL
		}
	}
	return s, nil
}

func truth(v any) (bool, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string: // what a URI can hold
		if b, err := strconv.ParseBool(v); err == nil {
			return b, nil
		}
	}
	return false, errors.New("use true or false")
}

// Send implements task.Mailer. Errors name the address or the server, never a password.
func (s Sender) Send(ctx context.Context, c settings.Connection, m task.Mail) error {
	srv, err := read(c)
	if err != nil {
		return err
	}
	msg, err := s.message(srv, c, m)
	if err != nil {
		return err
	}
	opts := []mail.Option{mail.WithPort(srv.port), mail.WithTimeout(srv.timeout)}
	switch {
	case srv.ssl:
		opts = append(opts, mail.WithSSL())
	case srv.startTLS:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	}
	if s.TLS != nil {
		opts = append(opts, mail.WithTLSConfig(s.TLS))
	}
	if srv.login != "" {
		auth := mail.SMTPAuthAutoDiscover
		if !srv.ssl && !srv.startTLS {
			auth = mail.SMTPAuthPlainNoEnc // the author asked for it by disabling both
		}
		opts = append(opts, mail.WithSMTPAuth(auth), mail.WithUsername(srv.login), mail.WithPassword(srv.pass))
	}
	client, err := mail.NewClient(srv.host, opts...)
	if err != nil {
		return fmt.Errorf("connection %s: %w", c.ID, err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("sending mail by %s: %w", net.JoinHostPort(srv.host, strconv.Itoa(srv.port)), err)
	}
	return nil
}

func (s Sender) message(srv server, c settings.Connection, m task.Mail) (*mail.Msg, error) {
	msg := mail.NewMsg()
	from := m.From
	if from == "" {
		from = srv.from
	}
	if from == "" {
		from = srv.login
	}
	if err := msg.From(from); err != nil {
		return nil, fmt.Errorf("%q is no address to send from: set the extra from_email of connection %s", from, c.ID)
	}
	if len(m.To)+len(m.CC)+len(m.BCC) == 0 {
		return nil, errors.New("the mail has no recipient")
	}
	for _, list := range []struct {
		to  []string
		set func(...string) error
	}{{m.To, msg.To}, {m.CC, msg.Cc}, {m.BCC, msg.Bcc}} {
		if len(list.to) == 0 {
			continue
		}
		if err := list.set(list.to...); err != nil {
			return nil, fmt.Errorf("not an address: %w", err)
		}
	}
	msg.Subject(m.Subject)
	kind := mail.TypeTextHTML
	if m.Plain {
		kind = mail.TypeTextPlain
	}
	msg.SetBodyString(kind, m.Body)
	for name, value := range m.Headers {
		msg.SetGenHeader(mail.Header(name), value)
	}
	if s.Now != nil {
		msg.SetDateWithValue(s.Now())
	}
	for _, f := range m.Files {
		if info, err := os.Stat(f); err != nil || info.IsDir() {
			return nil, fmt.Errorf("cannot attach %s: it is not there, or no file", f)
		}
		msg.AttachFile(f)
	}
	return msg, nil
}
