"""HTTP without requests: a hook, and answers that behave as those of requests."""
from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Callable, Optional

from updraft_runner.calls import Response
from updraft_runner.exceptions import AirflowException
from updraft_runner.secrets import BaseHook

# Options of a request that are not headers, and what they are without a connection.
_OPTIONS: dict[str, Any] = {"timeout": 60, "verify": True, "check_response": True, "allow_redirects": True,
                            "stream": False, "proxies": None, "cert": None, "max_redirects": None,
                            "trust_env": True}


class HTTPBasicAuth:
    """A user and a password for the Authorization header."""

    def __init__(self, username: Any, password: Any = "") -> None:
        self.username, self.password = username, password

    def header(self) -> str:
        """The header's value."""
        both = "%s:%s" % (self.username, self.password or "")
        return "Basic " + base64.b64encode(both.encode()).decode()


class HttpHook(BaseHook):
    """Requests to the host of a connection."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "http_conn_id", "http_default", "http", "HTTP"

    def __init__(self, method: str = "POST", http_conn_id: str = "http_default", auth_type: Any = None,
                 tcp_keep_alive: bool = True, tcp_keep_alive_idle: int = 120, tcp_keep_alive_count: int = 20,
                 tcp_keep_alive_interval: int = 30, adapter: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        del tcp_keep_alive, tcp_keep_alive_idle, tcp_keep_alive_count, tcp_keep_alive_interval, adapter
        self.method, self.http_conn_id, self.auth_type = method.upper(), http_conn_id, auth_type
        self.base_url = ""
        self._retry: dict[str, Any] = {}

    def get_conn(self, headers: Optional[dict[str, Any]] = None, extra_options: Any = None) -> "Session":
        """What requests are made by: base_url, headers, options and login of the connection."""
        found = Session()
        if self.http_conn_id:
            connection = self.get_connection(self.http_conn_id)
            self.base_url = _base(connection)
            extra = dict(connection.extra_dejson)
            found.options.update({k: extra.pop(k) for k in list(extra) if k in _OPTIONS})
            found.headers.update(extra.pop("headers", None) or extra)
            if connection.login:
                kind = self.auth_type or HTTPBasicAuth
                found.auth = kind(connection.login, connection.password)
            elif callable(self.auth_type):
                found.auth = self.auth_type()
        found.options.update(extra_options or {})
        found.headers.update(headers or {})
        return found

    def url_from_endpoint(self, endpoint: Optional[str]) -> str:
        """The address of an endpoint of the connection's host."""
        if endpoint and endpoint.startswith(("http://", "https://")):
            return endpoint
        joint = "/" if self.base_url and endpoint and not self.base_url.endswith("/") and not endpoint.startswith("/") else ""
        return self.base_url + joint + (endpoint or "")

    def run(self, endpoint: Optional[str] = None, data: Any = None, headers: Optional[dict[str, Any]] = None,
            extra_options: Optional[dict[str, Any]] = None, **request_kwargs: Any) -> Response:
        """Makes one request; an error for a status from 400 on."""
        session = self.get_conn(headers, extra_options)
        url = self.url_from_endpoint(endpoint)
        self.log.debug("Sending '%s' to url: %s", self.method, url)
        answer = session.request(self.method, url, data, **request_kwargs)
        if session.options.get("check_response", True):
            self.check_response(answer)
        return answer

    def check_response(self, response: Response) -> None:
        """An error for a status from 400 on."""
        if not response.ok:
            self.log.error("HTTP error: %s", response.reason)
            self.log.error(response.text)
            raise AirflowException("%s:%s" % (response.status_code, response.reason))

    def run_with_advanced_retry(self, _retry_args: dict[str, Any], *args: Any, **kwargs: Any) -> Response:
        """As run, again and again: tenacity's stop, wait and retry objects are
        called if they are given and simple, or else there are five attempts."""
        try:
            import tenacity
        except ImportError:
            return _again(lambda: self.run(*args, **kwargs))
        return tenacity.Retrying(**_retry_args)(self.run, *args, **kwargs)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the host answers."""
        try:
            self.run()
        except Exception as error:
            return False, str(error)
        return True, "Connection successfully tested"


def _again(work: Callable[[], Response], attempts: int = 5) -> Response:
    for attempt in range(1, attempts):
        try:
            return work()
        except Exception:
            time.sleep(min(2 ** attempt, 30))
    return work()


def _base(connection: Any) -> str:
    host = connection.host or ""
    if "://" in host:
        base = host
    else:
        base = "%s://%s" % (connection.schema or "http", host)
    return base + (":%d" % connection.port if connection.port else "")


class Session:
    """The part of requests.Session that hooks and callables use."""

    def __init__(self) -> None:
        self.headers: dict[str, Any] = {}
        self.options: dict[str, Any] = dict(_OPTIONS)
        self.auth: Any = None
        self.params: dict[str, Any] = {}

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is kept open."""

    def get(self, url: str, params: Any = None, **kwargs: Any) -> Response:
        """A GET."""
        return self.request("GET", url, params, **kwargs)

    def post(self, url: str, data: Any = None, **kwargs: Any) -> Response:
        """A POST."""
        return self.request("POST", url, data, **kwargs)

    def request(self, method: str, url: str, data: Any = None, **kwargs: Any) -> Response:
        """One request: data is the query of GET and HEAD, the body of others."""
        headers = {str(k): str(v) for k, v in {**self.headers, **(kwargs.pop("headers", None) or {})}.items()}
        query, body = dict(self.params), None
        query.update(kwargs.pop("params", None) or {})
        if method in ("GET", "HEAD"):
            url, query = (url + "?" + data, query) if isinstance(data, str) and data else (url, {**query, **(data or {})})
        else:
            body = _body(data, kwargs.pop("json", None), headers)
        if query:
            url += ("&" if "?" in url else "?") + urllib.parse.urlencode(query, doseq=True)
        auth = kwargs.pop("auth", None) or self.auth
        if isinstance(auth, tuple):
            auth = HTTPBasicAuth(*auth)
        if hasattr(auth, "username") and not any(k.lower() == "authorization" for k in headers):
            headers["Authorization"] = HTTPBasicAuth(auth.username, auth.password).header()
        timeout = kwargs.pop("timeout", self.options.get("timeout"))
        return _send(method, url, body, headers, timeout, kwargs.pop("verify", self.options.get("verify")))


def _body(data: Any, as_json: Any, headers: dict[str, str]) -> Optional[bytes]:
    names = {name.lower() for name in headers}
    if as_json is not None:
        if "content-type" not in names:
            headers["Content-Type"] = "application/json"
        return json.dumps(as_json).encode()
    if data is None:
        return None
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode()
    if "content-type" not in names:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return urllib.parse.urlencode(data, doseq=True).encode()


def _send(method: str, url: str, body: Optional[bytes], headers: dict[str, str], timeout: Any, verify: Any) -> Response:
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None) if url.startswith("https:") else None
    if context is not None and verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers.setdefault("User-Agent", "updraft")
    seconds = timeout[-1] if isinstance(timeout, (list, tuple)) else timeout
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        answer: Any = urllib.request.urlopen(request, timeout=seconds, context=context)
    except urllib.error.HTTPError as error:
        answer = error
    except urllib.error.URLError as error:
        raise ConnectionError("cannot reach %s: %s" % (url, error.reason)) from error
    except http.client.HTTPException as error:
        raise ConnectionError("%s broke off: %r" % (url, error)) from error
    with answer:
        return Response({
            "status_code": answer.status if hasattr(answer, "status") else answer.code, "reason": answer.reason,
            "url": answer.geturl(), "headers": dict(answer.headers.items()),
            "encoding": answer.headers.get_content_charset(), "body": base64.b64encode(answer.read()).decode(),
        })
