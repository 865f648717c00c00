package email_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/email"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/smtpmail"
)

type args = map[string]any

func operator(t *testing.T) *task.Operator {
	t.Helper()
	return operatortest.Find(t, email.Operators(), "airflow.providers.smtp.operators.smtp.EmailOperator")
}

func TestEmail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	report := write("report.csv", "a,b\n")
	extra := `{"subject_template": "` + write("subject", "From a\n file\n") + `", "html_content_template": "` + write("body", "<p>\nfile</p>") + `"}`
	for _, tt := range []struct {
		name string
		args args
		want task.Mail
		err  string
	}{
		{name: "plain", args: args{"to": "a@x.org", "subject": "S", "html_content": "B"}, want: task.Mail{To: []string{"a@x.org"}, Subject: "S", Body: "B"}},
		{
			name: "everything",
			args: args{
				"to": "a@x.org, b@x.org;c@x.org", "cc": []any{"d@x.org", "e@x.org,f@x.org"}, "bcc": "g@x.org", "from_email": "me@x.org", "subject": "S", "html_content": "<b>B</b>",
				"files": []any{"report.csv", report}, "custom_headers": args{"X-Run": int64(5)}, "mime_subtype": "related", "conn_id": "other",
			},
			want: task.Mail{
				From: "me@x.org", To: []string{"a@x.org", "b@x.org", "c@x.org"}, CC: []string{"d@x.org", "e@x.org", "f@x.org"}, BCC: []string{"g@x.org"},
				Subject: "S", Body: "<b>B</b>", Files: []string{report, report}, Headers: map[string]string{"X-Run": "5"},
			},
		},
		{name: "templates of the connection", args: args{"to": "a@x.org", "conn_id": "other"}, want: task.Mail{To: []string{"a@x.org"}, Subject: "From a file", Body: "<p>file</p>"}},
		{name: "empty texts are given", args: args{"to": "a@x.org", "subject": "", "html_content": ""}, want: task.Mail{To: []string{"a@x.org"}}},
		{name: "no subject", args: args{"to": "a@x.org"}, err: "fatal (config): argument subject is missing: give it, or set the extra subject_template of connection smtp_default"},
		{name: "nobody", args: args{"to": " ;, ", "subject": "S", "html_content": "B"}, err: "fatal (config): argument to is empty: give an address"},
		{name: "a number", args: args{"to": int64(5), "subject": "S", "html_content": "B"}, err: "fatal (config): argument to is a number, not a text or a list of texts"},
		{name: "no file", args: args{"to": "a@x.org", "subject": "S", "html_content": "B", "files": []any{"nope"}}, err: "failed: argument files: stat " + dir + "/nope: no such file or directory"},
		{name: "no template", args: args{"to": "a@x.org", "conn_id": "broken"}, err: "failed: connection broken: extra subject_template: stat /no/file: no such file or directory"},
		{
			name: "another header", args: args{"to": "a@x.org", "subject": "S", "html_content": "B", "custom_headers": args{"X-A": "b\nBcc: evil@x.org"}},
			err: `fatal (config): argument custom_headers: "X-A" cannot be a header: names have no colons and blanks, values one line`,
		},
		{name: "no connection", args: args{"to": "a@x.org", "conn_id": "nope"}, err: "failed: connection `nope` not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := operatortest.New(t)
			h.Dir = dir
			h.Settings.Connections = map[string]settings.Connection{
				"smtp_default": {Host: "h"}, "other": {Host: "h", Extra: []byte(extra)}, "broken": {Extra: []byte(`{"subject_template": "/no/file"}`)},
			}
			_, err := h.Run(t.Context(), operator(t), tt.args)
			if tt.err != "" {
				if got := operatortest.Outcome(err); got != tt.err || len(h.Mails.Sent) > 0 {
					t.Errorf("got %s, and %d mails, want %s", got, len(h.Mails.Sent), tt.err)
				}
				return
			}
			if err != nil || len(h.Mails.Sent) != 1 {
				t.Fatalf("%d mails, %v", len(h.Mails.Sent), err)
			}
			if diff := cmp.Diff(tt.want, h.Mails.Sent[0]); diff != "" {
				t.Error(diff)
			}
			id, err := task.Get(h.Attempt(tt.args), "conn_id", "smtp_default")
			if err != nil || h.Mails.Through[0].ID != id {
				t.Errorf("sent through %s, %v", h.Mails.Through[0].ID, err)
			}
		})
	}
}

// mailbox is a real SMTP server's, in this process.
type mailbox struct{ got chan string }

func (m mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (mailbox) Mail(string, *smtp.MailOptions) error          { return nil }
func (mailbox) Reset()                                        {}
func (mailbox) Logout() error                                 { return nil }

func (mailbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "gone@x.org" {
		return errors.New("nobody of that name")
	}
	return nil
}

func (m mailbox) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	m.got <- string(body)
	return err
}

// TestEmailByServer sends through the mailer that production uses.
func TestEmailByServer(t *testing.T) {
	t.Parallel()
	box := mailbox{make(chan string, 1)}
	server := smtp.NewServer(box)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	h := operatortest.New(t)
	h.Mail = smtpmail.Sender{}
	h.Settings.Connections = map[string]settings.Connection{"smtp_default": {
		Type: "smtp", Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Extra: []byte(`{"disable_ssl": true, "disable_tls": true, "from_email": "us@x.org"}`),
	}}
	if _, err := h.Run(t.Context(), operator(t), args{"to": "a@x.org", "subject": "Done", "html_content": "<b>42</b> rows"}); err != nil {
		t.Fatal(err)
	}
	got := <-box.got
	for _, want := range []string{"From: <us@x.org>", "To: <a@x.org>", "Subject: Done", "text/html", "<b>42</b> rows"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the mail:\n%s", want, got)
		}
	}
	_, err = h.Run(t.Context(), operator(t), args{"to": "gone@x.org", "subject": "Done", "html_content": "x"})
	if err == nil || !strings.Contains(err.Error(), "nobody of that name") {
		t.Errorf("got error %v", err)
	}
}
