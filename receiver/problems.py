"""Every answer that is not a success: RFC 9457 problem documents, built here and nowhere else.

`type` is `about:blank`, so `title` is the status' own phrase; `code` is what a program tells the errors apart by. An answer is an
ASGI application, so that the door and the pages give the very same bytes for the same error.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

from receiver.bodies import drain
from schemas.errors import (
    CrosslineError,
    MalformedCallback,
    MethodNotAllowed,
    NotAuthenticated,
    SignatureMissing,
    SignatureWrong,
    Unavailable,
)

RETRY_AFTER_S: Final = 5
_CONTENT_TYPE: Final = b"application/problem+json"
_CLOSE: Final = (b"connection", b"close")
_RETRY_AFTER: Final = (b"retry-after", b"%d" % RETRY_AFTER_S)
_SIGN: Final = (b"www-authenticate", b"TSA")
_SHOW_TOKEN: Final = (b"www-authenticate", b"Bearer")


class Answer:
    """One whole response. `closes`: the connection ends with it, because the request's body was not read."""

    __slots__ = ("_body", "_closes", "_start", "status")

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, *, closes: bool = False) -> None:
        self.status = status
        self._closes = closes
        whole = [*headers, (b"content-length", b"%d" % len(body)), *((_CLOSE,) if closes else ())]
        self._start = {"type": "http.response.start", "status": status, "headers": whole}
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. A closing answer is complete on the wire before what the client still sends is drained, so that no reset destroys it."""
        await send(self._start)
        if self._closes:
            await send({"type": "http.response.body", "body": self._body, "more_body": True})
            await drain(receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": self._body})

    def on_wire(self) -> bytes:
        """The same response as HTTP/1.1 bytes, for where no ASGI server stands between us and the socket."""
        headers: list[tuple[bytes, bytes]] = self._start["headers"]  # type: ignore[assignment]
        lines = [b"HTTP/1.1 %d %s" % (self.status, _phrase(self.status).encode()), *(b"%s: %s" % header for header in headers)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self._body


def problem(error: CrosslineError, *, closes: bool = False, allow: str = "POST") -> Answer:
    """The problem document of an error. `allow`: the methods that a 405 names."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": _phrase(error.status),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
    }
    if isinstance(error, MalformedCallback) and error.field is not None:
        document["field"] = error.field
    headers = [(b"content-type", _CONTENT_TYPE), (b"cache-control", b"no-store")]
    match error:
        case MethodNotAllowed():
            headers.append((b"allow", allow.encode("ascii")))
        case NotAuthenticated():
            headers.append(_SHOW_TOKEN)
        case SignatureMissing() | SignatureWrong():
            headers.append(_SIGN)
        case Unavailable():
            headers.append(_RETRY_AFTER)
    return Answer(error.status, headers, orjson.dumps(document), closes=closes)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
