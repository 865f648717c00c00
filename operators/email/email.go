// Package email holds EmailOperator. How a mail is brought to a server is the matter of
// task.Mailer.
package email

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// defaultConnection is Airflow's default of conn_id.
const defaultConnection = "smtp_default"

// Operators returns the operators of this package.
func Operators() []task.Operator {
	addresses := " Addresses as a list, or as a text with commas or semicolons."
	return []task.Operator{{
		Spec: dag.OperatorSpec{
			Class:       "airflow.providers.smtp.operators.smtp.EmailOperator",
			Aliases:     []string{"airflow.operators.email.EmailOperator", "airflow.operators.email_operator.EmailOperator"},
			Doc:         "Sends a mail.",
			TemplateExt: []string{".html"},
			Args: []dag.ArgSpec{
				{Name: "to", Type: dag.ArgStrings, Required: true, Templated: true, Doc: "Who gets it." + addresses},
				{Name: "subject", Type: dag.ArgString, Templated: true, Doc: "Its subject; without it the file subject_template of the connection."},
				{Name: "html_content", Type: dag.ArgString, Templated: true, Doc: "Its text in HTML; without it the file html_content_template of the connection."},
				{Name: "from_email", Type: dag.ArgString, Templated: true, Doc: "Who sends it; without it from_email of the connection."},
				{Name: "files", Type: dag.ArgStrings, Templated: true, Doc: "Files to attach, from the DAG file's folder."},
				{Name: "cc", Type: dag.ArgStrings, Templated: true, Doc: "Who gets a copy." + addresses},
				{Name: "bcc", Type: dag.ArgStrings, Templated: true, Doc: "Who gets a copy that the others do not know of." + addresses},
				{Name: "mime_subtype", Type: dag.ArgString, Default: "mixed", Doc: "Without effect: the structure of the mail follows from what is in it."},
				{Name: "mime_charset", Type: dag.ArgString, Default: "utf-8", Enum: []string{"utf-8", "us-ascii"}, Doc: "Mails are written in UTF-8, of which ASCII is a part."},
				{Name: "conn_id", Type: dag.ArgString, Default: defaultConnection, Doc: "The connection of the SMTP server."},
				{Name: "custom_headers", Type: dag.ArgDict, Doc: "Further headers of the mail."},
			},
		},
		Run: send,
	}}
}

func send(ctx context.Context, a *task.Attempt) (task.Result, error) {
	if a.Mail == nil {
		return task.Result{}, task.Misconfigured(errors.New("mail is not available here"))
	}
	id, err := task.Get(a, "conn_id", defaultConnection)
	if err != nil {
		return task.Result{}, err
	}
	c, err := a.Settings.Connection(ctx, id)
	if err != nil {
		return task.Result{}, err
	}
	m, err := message(ctx, a, c)
	if err != nil {
		return task.Result{}, err
	}
	if err := a.Mail.Send(ctx, c, m); err != nil {
		return task.Result{}, err
	}
	a.Log.InfoContext(ctx, fmt.Sprintf("sent %q to %s", m.Subject, strings.Join(m.To, ", ")))
	return task.Result{}, nil
}

// message makes the mail that the arguments and the connection describe.
func message(ctx context.Context, a *task.Attempt, c settings.Connection) (m task.Mail, err error) {
	for name, to := range map[string]*[]string{"to": &m.To, "cc": &m.CC, "bcc": &m.BCC} {
		if *to, err = addresses(a, name); err != nil {
			return m, err
		}
	}
	if len(m.To) == 0 {
		return m, task.Misconfigured(errors.New("argument to is empty: give an address"))
	}
	if m.From, err = task.Get(a, "from_email", ""); err != nil {
		return m, err
	}
	if m.Subject, err = text(ctx, a, c, "subject"); err != nil {
		return m, err
	}
	if m.Body, err = text(ctx, a, c, "html_content"); err != nil {
		return m, err
	}
	if m.Files, err = files(a); err != nil {
		return m, err
	}
	m.Headers, err = headers(a)
	return m, err
}

// addresses reads a list, each of whose texts may hold several addresses.
func addresses(a *task.Attempt, name string) ([]string, error) {
	list, err := task.Get(a, name, []string(nil))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, text := range list {
		for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }) {
			if one = strings.TrimSpace(one); one != "" {
				out = append(out, one)
			}
		}
	}
	return out, nil
}

// maxTemplate bounds the files that a connection names: they are part of a mail.
const maxTemplate = 1 << 20

// text is an argument, or what the connection's template file for it makes.
func text(ctx context.Context, a *task.Attempt, c settings.Connection, name string) (string, error) {
	if v, err := task.Get(a, name, ""); err != nil || a.Args[name] != nil {
		return v, err
	}
	file, _ := c.ExtraMap()[name+"_template"].(string)
	if file == "" {
		return "", task.Misconfigured(fmt.Errorf("argument %s is missing: give it, or set the extra %s_template of connection %s", name, name, c.ID))
	}
	st, err := os.Stat(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("connection %s: extra %s_template: %w", c.ID, name, err)
	case st.Size() > maxTemplate:
		return "", task.Misconfigured(fmt.Errorf("connection %s: extra %s_template: %s has more than %d MiB", c.ID, name, file, maxTemplate>>20))
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("connection %s: extra %s_template: %w", c.ID, name, err)
	}
	// Airflow takes the line ends out, too: a subject has none.
	v, err := a.Templates.Render(ctx, strings.TrimSpace(strings.ReplaceAll(string(body), "\n", "")))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return fmt.Sprint(v), nil
}

// files are the paths of what is attached.
func files(a *task.Attempt) ([]string, error) {
	list, err := task.Get(a, "files", []string(nil))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range list {
		if !filepath.IsAbs(name) {
			name = filepath.Join(a.Dir, name)
		}
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("argument files: %w", err)
		}
		out = append(out, name)
	}
	return out, nil
}

// headers are those of custom_headers. A line end in one would begin another header.
func headers(a *task.Attempt) (map[string]string, error) {
	given, err := task.Get(a, "custom_headers", map[string]any(nil))
	if err != nil || len(given) == 0 {
		return nil, err
	}
	out := make(map[string]string, len(given))
	for name, v := range given {
		value := fmt.Sprint(v)
		if name == "" || strings.ContainsAny(name, ": \r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, task.Misconfigured(fmt.Errorf("argument custom_headers: %q cannot be a header: names have no colons and blanks, values one line", name))
		}
		out[name] = value
	}
	return out, nil
}
