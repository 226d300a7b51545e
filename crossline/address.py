"""The web process's address as `up` sees it from outside: a port that is free, and whether it answers."""

import contextlib
import errno
import http.client
import socket
from typing import Final

from schemas.errors import UserError

_ANSWER_WITHIN_S: Final = 2.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  names what is listened on, listens on nothing


def loopback(host: str) -> str:
    """An address at which what listens on `host` is reached from this machine."""
    return _EVERYWHERE.get(host, host)


def in_url(host: str) -> str:
    """The host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises UserError where it is taken or cannot be listened on."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            # As the server itself does: connections that just ended do not keep a port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
            return int(listener.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} on {host} is taken by another program. Take another one: --port {port % 65535 + 1}, or --port 0 for any."
            ) from None
        raise UserError(
            f"Nothing can listen on port {port} of {host} ({error.strerror or error}). Choose others with --host and --port."
        ) from None


def is_ready(host: str, port: int) -> bool:
    """Whether `/readyz` answers 200: a message would be accepted."""
    connection = http.client.HTTPConnection(loopback(host), port, timeout=_ANSWER_WITHIN_S)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    return False
