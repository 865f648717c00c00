"""The Lambda Runtime API of one execution environment, on a free port of 127.0.0.1.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.server
import queue
import threading
import uuid
from dataclasses import dataclass, field

PREFIX = "/2018-06-01/runtime"
EXTENSIONS = "/2020-01-01/extension"

# AWS's quota of 6 MB has a little more for what is around it.
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
POLL_SECONDS = 0.05


@dataclass
class Invocation:
    """One event, and later its answer. done is set when it has come."""

    id: str
    arn: str
    trace: str
    payload: bytes
    deadline_ms: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    body: bytes = b""
    is_error: bool = False


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Hands out invocations one at a time. Its environment is told of what the runtime does by events."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.waiting = threading.Event()  # the runtime has asked for the next invocation
        self.init_error: bytes | None = None
        self.has_extension = False
        self._next: queue.Queue[Invocation | None] = queue.Queue()
        self._current: Invocation | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), daemon=True, name="updraft-runtime-api"
        ).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def hand_out(self, invocation: Invocation) -> None:
        """Gives the runtime its next event."""
        self.waiting.clear()
        with self._lock:
            self._current = invocation
        self._next.put(invocation)

    def withdraw(self) -> None:
        """An answer that comes after this is refused."""
        with self._lock:
            self._current = None

    def close(self) -> None:
        self._closed.set()
        self._next.put(None)
        self.shutdown()
        self.server_close()

    # Called by the handlers, in threads of their own.

    def wait_for_next(self) -> Invocation | None:
        """Blocks until there is an event; None when the environment ends."""
        self.waiting.set()
        return self._next.get()

    def wait_for_close(self) -> None:
        self._closed.wait()

    def answer(self, invocation_id: str, body: bytes, is_error: bool) -> tuple[int, bytes]:
        """Takes an answer; returns the status and body of what the runtime is told."""
        with self._lock:
            invocation, self._current = self._current, None
            if invocation is None or invocation.id != invocation_id:
                self._current = invocation
                return 400, b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}'
        if len(body) > MAX_RESPONSE_BYTES:
            text = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
            invocation.body = b'{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"%s"}' % text.encode()
            invocation.is_error = True
            status, told = (
                413,
                b'{"errorMessage":"Exceeded maximum allowed payload size","errorType":"RequestEntityTooLarge"}',
            )
        else:
            invocation.body, invocation.is_error = body, is_error
            status, told = 202, b'{"status":"OK"}'
        invocation.done.set()
        return status, told


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RuntimeApi

    def log_message(self, *args) -> None:
        """Nobody reads a line per request."""

    def do_GET(self) -> None:
        if self.path == f"{EXTENSIONS}/event/next":
            # An extension that has registered for nothing waits for ever.
            self.server.wait_for_close()
            self.close_connection = True
            return
        if self.path != f"{PREFIX}/invocation/next":
            self._reply(404)
            return
        invocation = self.server.wait_for_next()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace,
        }
        self._reply(200, invocation.payload, headers)

    def do_POST(self) -> None:
        body = self._body()
        if self.path == f"{PREFIX}/init/error":
            self.server.init_error = body
            self._reply(202, b'{"status":"OK"}')
        elif self.path == f"{EXTENSIONS}/register":
            # aws-lambda-go registers one when a function wants to see SIGTERM.
            self.server.has_extension = True
            self._reply(200, b"{}", {"Lambda-Extension-Identifier": str(uuid.uuid4())})
        elif self.path.startswith(f"{PREFIX}/invocation/"):
            invocation_id, _, kind = self.path.removeprefix(f"{PREFIX}/invocation/").partition("/")
            self._reply(*self.server.answer(invocation_id, body, is_error=kind == "error"))
        else:
            self._reply(404)

    def _body(self) -> bytes:
        """aws-lambda-go sends chunks with trailers, which http.server does not decode."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return bytes(body)

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
