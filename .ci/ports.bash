# shellcheck shell=bash
# free_port: a port of 127.0.0.1 on which nobody listens, and nobody on the next one, which
# MinIO takes too.
free_port() {
  python3 -c '
import socket
while True:
    with socket.socket() as a, socket.socket() as b:
        a.bind(("127.0.0.1", 0))
        try:
            b.bind(("127.0.0.1", a.getsockname()[1] + 1))
        except (OSError, OverflowError):
            continue
        print(a.getsockname()[1])
        break'
}
