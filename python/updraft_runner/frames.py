"""Frames: four bytes of length (big endian), then that much JSON."""
from __future__ import annotations

import json
import socket
import struct
from typing import Any, Optional

HEADER = struct.Struct(">I")
# Above this the other side refuses, so say it here with a name and a number.
LIMIT = 256 << 20


class TooLarge(ValueError):
    """A frame above LIMIT bytes."""


def dumps(value: Any) -> bytes:
    """JSON as UTF-8; text with lone surrogates falls back to escapes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def pack(body: Any) -> bytes:
    """The frame for a dict, or for JSON that is bytes already."""
    if not isinstance(body, bytes):
        body = dumps(body)
    if len(body) > LIMIT:
        raise TooLarge("%d bytes are above the limit of %d" % (len(body), LIMIT))
    return HEADER.pack(len(body)) + body


def send(sock: socket.socket, body: Any) -> None:
    """Writes one frame."""
    sock.sendall(pack(body))


def receive(sock: socket.socket) -> Any:
    """Reads one frame; None when the other side has gone."""
    head = _exactly(sock, HEADER.size)
    if head is None:
        return None
    body = _exactly(sock, HEADER.unpack(head)[0])
    return None if body is None else json.loads(body)


def _exactly(sock: socket.socket, size: int) -> Optional[bytes]:
    data = bytearray(size)
    view, have = memoryview(data), 0
    while have < size:
        got = sock.recv_into(view[have:])
        if got == 0:
            return None
        have += got
    return bytes(data)


def split(buffer: bytearray) -> Any:
    """Takes the whole frames off the front of a bytearray."""
    found = []
    while len(buffer) >= HEADER.size:
        end = HEADER.size + HEADER.unpack_from(buffer)[0]
        if len(buffer) < end:
            break
        found.append(json.loads(bytes(buffer[HEADER.size:end])))
        del buffer[:end]
    return found
