"""airflow.utils.email: mail from within a task, by the connection smtp_default."""
from __future__ import annotations

from typing import Any

from updraft_dags.hooks import smtp

get_email_address_list = smtp.addresses


def send_email(to: Any, subject: str, html_content: str, files: Any = None, dryrun: bool = False, cc: Any = None,
               bcc: Any = None, mime_subtype: str = "mixed", mime_charset: str = "utf-8", conn_id: Any = None,
               custom_headers: Any = None, from_email: Any = None, **_: Any) -> None:
    """Sends one mail."""
    with smtp.SmtpHook(conn_id or "smtp_default") as hook:
        hook.send_email_smtp(to=to, subject=subject, html_content=html_content, files=files, dryrun=dryrun, cc=cc, bcc=bcc,
                             mime_subtype=mime_subtype, mime_charset=mime_charset, custom_headers=custom_headers,
                             from_email=from_email)


send_email_smtp = send_email


def build_mime_message(mail_from: Any, to: Any, subject: str, html_content: str, *args: Any, **kwargs: Any) -> Any:
    """The mail, and everyone who gets it."""
    return smtp.message(mail_from, to, subject, html_content, *args, **kwargs)


def send_mime_email(e_from: str, e_to: Any, mime_msg: Any, conn_id: str = "smtp_default", dryrun: bool = False) -> None:
    """Sends a mail that was made before."""
    with smtp.SmtpHook(conn_id) as hook:
        if not dryrun:
            hook._client.sendmail(e_from, smtp.addresses(e_to), mime_msg.as_string())
