package task

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"strings"

	"github.com/updraft-dev/updraft/run"
)

// mailConnection is the connection that mails of tasks go through.
const mailConnection = "smtp_default"

// mailWanted says whether the author wants a mail at this end of an attempt.
func (x *execution) mailWanted(rep *run.Report, retry bool) bool {
	t := x.a.Task
	if len(t.Email) == 0 || rep.Outcome != run.OutcomeFailed && rep.Outcome != run.OutcomeFatal {
		return false
	}
	if retry {
		return t.EmailOnRetry
	}
	return t.EmailOnFailure
}

// mail sends the mail of a failed attempt. What goes wrong is logged, and nothing else.
func (x *execution) mail(ctx context.Context, rep *run.Report, retry bool) {
	err := x.sendMail(ctx, rep, retry)
	if err != nil {
		x.say(slog.LevelError, "mail to %s was not sent: %v", strings.Join(x.a.Task.Email, ", "), err)
		return
	}
	x.say(slog.LevelInfo, "Mail sent to %s", strings.Join(x.a.Task.Email, ", "))
}

func (x *execution) sendMail(ctx context.Context, rep *run.Report, retry bool) error {
	if x.r.cfg.Mail == nil {
		return fmt.Errorf("mail is not available here")
	}
	c, err := x.a.Settings.Connection(ctx, mailConnection)
	if err != nil {
		return err
	}
	return x.r.cfg.Mail.Send(ctx, c, Mail{To: x.a.Task.Email, Subject: x.mailSubject(retry), Body: x.mailBody(rep, retry)})
}

// mailSubject says what and where; people filter their mail by it.
func (x *execution) mailSubject(retry bool) string {
	end := "failed"
	if retry {
		end = "failed and will be retried"
	}
	return fmt.Sprintf("Updraft: task %s %s (run %s)", x.a.DAG.ID+"."+x.w.Instance.Name(), end, x.w.Run.Run)
}

func (x *execution) mailBody(rep *run.Report, retry bool) string {
	i := &x.w.Instance
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "<tr><th align=\"left\">%s</th><td>%s</td></tr>\n", name, html.EscapeString(value))
		}
	}
	next := "It will not be tried again."
	if retry {
		next = fmt.Sprintf("It will be tried again: try %d of %d failed.", i.Try, i.MaxTries+1)
	}
	fmt.Fprintf(&b, "<p>%s</p>\n<p>%s</p>\n<table>\n", html.EscapeString(rep.Reason), next)
	row("DAG", x.a.DAG.ID)
	row("Task", i.Name())
	row("Run", x.w.Run.Run)
	row("Try", fmt.Sprintf("%d of %d", i.Try, max(i.MaxTries+1, i.Try)))
	row("Cause", string(rep.Cause))
	if rep.ExitCode != 0 {
		row("Exit code", fmt.Sprint(rep.ExitCode))
	}
	row("Owner", x.a.Task.Owner)
	row("Host", x.r.cfg.Hostname)
	row("Start", isoTime(i.Start))
	row("End", isoTime(rep.At))
	b.WriteString("</table>\n")
	if link := LogURL(x.r.cfg.BaseURL, x.a.Key); link != "" {
		fmt.Fprintf(&b, "<p><a href=\"%s\">Log and details</a></p>\n", html.EscapeString(link))
	}
	if rep.Tail != "" {
		fmt.Fprintf(&b, "<p>The end of the log:</p>\n<pre>%s</pre>\n", html.EscapeString(rep.Tail))
	}
	return b.String()
}
