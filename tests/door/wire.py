"""HTTP/1.1 by hand: what a client library would tidy up before it sends, and hide when it comes back."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Response:
    """One response. `headers`: names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        document = orjson.loads(self.body)
        assert isinstance(document, dict)
        return document

    @property
    def undated(self) -> tuple[int, dict[str, str], bytes]:
        """All of it but what changes with the second."""
        return self.status, {name: value for name, value in self.headers.items() if name != "date"}, self.body


class Connection:
    """One connection to the door. Reading gives up after `within_s`."""

    def __init__(self, port: int, *, within_s: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=within_s)
        self._read = b""

    def send(self, data: bytes) -> None:
        """Send bytes; that the other end has closed is found out when reading."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def response(self, *, to_head: bool = False) -> Response:
        """The next final response. `to_head`: it answers a HEAD, and has no body. Fails when the connection ends before it is whole."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if status < 200:
            return self.response()
        return Response(status, headers, b"" if to_head else self._exactly(int(headers["content-length"])))

    def end(self) -> None:
        """Say that nothing more will be sent, and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def is_closed(self) -> bool:
        """Whether the other end sends nothing more and closes. Waits for it."""
        try:
            return self._read == b"" and self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._receive()
        found, _, self._read = self._read.partition(mark)
        return found

    def _exactly(self, size_bytes: int) -> bytes:
        while len(self._read) < size_bytes:
            self._receive()
        found, self._read = self._read[:size_bytes], self._read[size_bytes:]
        return found

    def _receive(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise EOFError(f"the connection was closed after {self._read!r}")
        self._read += data


@contextmanager
def connected(port: int, *, within_s: float = 10.0) -> Iterator[Connection]:
    """A connection, closed afterwards."""
    connection = Connection(port, within_s=within_s)
    try:
        yield connection
    finally:
        connection.close()


def head(path: str, *headers: str, method: str = "POST", version: str = "1.1") -> bytes:
    """A request's head with exactly these headers, `Host` before them."""
    lines = [f"{method} {path} HTTP/{version}", "Host: door.example", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def request(path: str, body: bytes, *headers: str, method: str = "POST", version: str = "1.1") -> bytes:
    """A whole request with a true length."""
    return head(path, f"Content-Length: {len(body)}", *headers, method=method, version=version) + body


def chunked(path: str, *chunks: bytes) -> bytes:
    """A whole request whose body comes in chunks."""
    parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    return head(path, "Transfer-Encoding: chunked") + b"".join(parts) + b"0\r\n\r\n"
