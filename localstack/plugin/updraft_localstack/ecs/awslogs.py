"""The log driver awslogs: lines to <prefix>/<container>/<task id> of a log group."""

import logging
import threading
import time

from localstack.aws.connect import connect_to

LOG = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0


class LogStream:
    """Sends lines about once a second. Without a group in the definition it drops them."""

    def __init__(self, definition: dict, task_id: str, region: str):
        logs = definition.get("logConfiguration") or {}
        options = logs.get("options") or {}
        self._group = options.get("awslogs-group") if logs.get("logDriver") == "awslogs" else None
        self._stream = f"{options.get('awslogs-stream-prefix', 'ecs')}/{definition['name']}/{task_id}"
        self._lines: list[dict] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sender: threading.Thread | None = None
        if self._group:
            self._client = connect_to(region_name=options.get("awslogs-region") or region).logs
            self._create()
            self._sender = threading.Thread(target=self._send_regularly, daemon=True, name="updraft-awslogs")
            self._sender.start()

    def add(self, line: str) -> None:
        if self._group and line:
            with self._lock:
                self._lines.append({"timestamp": int(time.time() * 1000), "message": line})

    def close(self) -> None:
        """Sends what is left."""
        self._closed.set()
        if self._sender:
            self._sender.join()

    def _create(self) -> None:
        try:
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        except self._client.exceptions.ResourceNotFoundException as e:
            # As on AWS, where the task does not start without its log group.
            raise RuntimeError(f"ResourceInitializationError: failed to create log stream: {e}") from e

    def _send_regularly(self) -> None:
        while not self._closed.wait(FLUSH_SECONDS):
            self._send()
        self._send()

    def _send(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
        for i in range(0, len(lines), 1000):
            try:
                self._client.put_log_events(
                    logGroupName=self._group, logStreamName=self._stream, logEvents=lines[i : i + 1000]
                )
            except Exception as e:  # the log group may be gone; the task goes on, as on AWS
                LOG.warning("lines of %s are lost: %s", self._stream, e)
