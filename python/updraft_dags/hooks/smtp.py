"""Mail by SMTP."""
from __future__ import annotations

import email.mime.application
import email.mime.multipart
import email.mime.text
import email.utils
import os
import re
import smtplib
import ssl
from typing import Any, Iterable, Optional, Union

from updraft_runner.exceptions import AirflowException
from updraft_runner.secrets import BaseHook

Addresses = Union[str, Iterable[str], None]


def addresses(given: Addresses) -> list[str]:
    """The addresses of a text with commas or semicolons, or of a list."""
    if given is None:
        return []
    if isinstance(given, str):
        return [a.strip() for a in re.split(r"[,;]", given) if a.strip()]
    return [str(a) for a in given]


def message(from_email: Optional[str], to: Addresses, subject: str, html_content: str, files: Any = None,
            cc: Addresses = None, bcc: Addresses = None, mime_subtype: str = "mixed", mime_charset: str = "utf-8",
            custom_headers: Optional[dict[str, Any]] = None) -> tuple[Any, list[str]]:
    """The mail, and everyone who gets it."""
    mail = email.mime.multipart.MIMEMultipart(mime_subtype)
    mail["Subject"], mail["From"], mail["To"] = subject, from_email or "", ", ".join(addresses(to))
    if addresses(cc):
        mail["CC"] = ", ".join(addresses(cc))
    mail["Date"] = email.utils.formatdate(localtime=True)
    for name, value in (custom_headers or {}).items():
        mail[name] = value
    mail.attach(email.mime.text.MIMEText(html_content, "html", mime_charset))
    for path in files or []:
        with open(path, "rb") as file:
            name = os.path.basename(path)
            part = email.mime.application.MIMEApplication(file.read(), Name=name)
        part["Content-Disposition"] = 'attachment; filename="%s"' % name
        part["Content-ID"] = "<%s>" % name
        mail.attach(part)
    return mail, addresses(to) + addresses(cc) + addresses(bcc)


class SmtpHook(BaseHook):
    """The mail server of a connection: host, port, login; the extras from_email,
    disable_ssl, disable_tls, timeout, retry_limit."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "smtp_conn_id", "smtp_default", "smtp", "SMTP"

    def __init__(self, smtp_conn_id: str = "smtp_default", auth_type: str = "basic", **_: Any) -> None:
        super().__init__()
        if auth_type != "basic":
            raise AirflowException("auth_type %r is not supported: use basic" % auth_type)
        self.smtp_conn_id = smtp_conn_id
        self.smtp_connection: Any = None
        self._client: Any = None

    def __enter__(self) -> "SmtpHook":
        self.get_conn()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._client is not None:
            self._client.quit()
            self._client = None

    def get_conn(self) -> "SmtpHook":
        """Connects and logs in."""
        if self._client is not None:
            return self
        found = self.smtp_connection = self.get_connection(self.smtp_conn_id)
        extra = found.extra_dejson
        timeout = int(extra.get("timeout", 30))
        if extra.get("disable_ssl", False):
            client: Any = smtplib.SMTP(found.host or "localhost", found.port or 25, timeout=timeout)
            if not extra.get("disable_tls", False):
                client.starttls(context=ssl.create_default_context())
        else:
            client = smtplib.SMTP_SSL(found.host or "localhost", found.port or 465, timeout=timeout,
                                      context=ssl.create_default_context())
        if found.login:
            client.login(found.login, found.password or "")
        self._client = client
        return self

    @property
    def from_email(self) -> Optional[str]:
        """The sender that the connection names."""
        found = self.smtp_connection or self.get_connection(self.smtp_conn_id)
        return found.extra_dejson.get("from_email") or found.login

    def send_email_smtp(self, *, to: Addresses, subject: str = "", html_content: str = "",
                        from_email: Optional[str] = None, files: Any = None, dryrun: bool = False,
                        cc: Addresses = None, bcc: Addresses = None, mime_subtype: str = "mixed",
                        mime_charset: str = "utf-8", custom_headers: Any = None, **_: Any) -> None:
        """Sends one mail."""
        if self._client is None:
            raise AirflowException("The 'smtp_client' should be initialized before!")
        sender = from_email or self.from_email
        if not sender:
            raise AirflowException("You should provide `from_email` or define it in the connection.")
        mail, all_of_them = message(sender, to, subject, html_content, files, cc, bcc, mime_subtype, mime_charset, custom_headers)
        if not dryrun:
            self._client.sendmail(sender, all_of_them, mail.as_string())
