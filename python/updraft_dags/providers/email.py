"""Mail."""
from __future__ import annotations

from typing import Any

from updraft_dags.hooks.smtp import SmtpHook
from updraft_dags.callbacks import BaseNotifier
from updraft_dags.operator import BaseOperator
from updraft_dags.providers.native import native


@native("airflow.providers.smtp.operators.smtp.EmailOperator")
class EmailOperator(BaseOperator):
    """Sends a mail."""

    ui_color = "#e6faf9"

    def execute(self, context: Any) -> None:
        """Sends it."""
        del context
        with SmtpHook(self.conn_id) as hook:
            hook.send_email_smtp(
                to=self.to, subject=self.subject or "", html_content=self.html_content or "", from_email=self.from_email,
                files=self.files, cc=self.cc, bcc=self.bcc, mime_subtype=self.mime_subtype,
                mime_charset=self.mime_charset, custom_headers=self.custom_headers)


class SmtpNotifier(BaseNotifier):
    """Sends a mail when it is called back."""

    template_fields = ("from_email", "to", "subject", "html_content", "cc", "bcc", "mime_subtype", "mime_charset", "custom_headers")

    def __init__(self, to: Any, from_email: Any = None, subject: Any = None, html_content: Any = None, files: Any = None,
                 cc: Any = None, bcc: Any = None, mime_subtype: str = "mixed", mime_charset: str = "utf-8",
                 custom_headers: Any = None, smtp_conn_id: str = "smtp_default", *, template: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.to, self.from_email, self.subject, self.html_content = to, from_email, subject, html_content
        self.files, self.cc, self.bcc, self.smtp_conn_id = files, cc, bcc, smtp_conn_id
        self.mime_subtype, self.mime_charset, self.custom_headers = mime_subtype, mime_charset, custom_headers
        self.template = template

    def notify(self, context: Any) -> None:
        """Sends it."""
        ti = context.get("ti")
        subject = self.subject or "DAG %s - Task %s - Run ID %s in State %s" % (
            getattr(ti, "dag_id", ""), getattr(ti, "task_id", ""), getattr(ti, "run_id", ""), getattr(ti, "state", ""))
        body = self.html_content or "<p>%s</p><p>%s</p>" % (subject, context.get("exception") or context.get("reason") or "")
        with SmtpHook(self.smtp_conn_id) as hook:
            hook.send_email_smtp(
                to=self.to, subject=subject, html_content=body, from_email=self.from_email, files=self.files, cc=self.cc,
                bcc=self.bcc, mime_subtype=self.mime_subtype, mime_charset=self.mime_charset,
                custom_headers=self.custom_headers)


SmtpNotifier.__module__ = "airflow.providers.smtp.notifications.smtp"


def send_smtp_notification(**given: Any) -> SmtpNotifier:
    """As SmtpNotifier."""
    return SmtpNotifier(**given)
