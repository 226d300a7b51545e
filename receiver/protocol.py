"""uvicorn's HTTP/1.1 protocol with what it lacks; loaded by `--http receiver.protocol:TimedProtocol`.

* A head has a limit of time and size. A connection that sends no whole head in time is closed: it may be idle from the start, slow,
  or still pouring the body of a request that has been answered. Between requests uvicorn's own keep-alive timeout holds.
* A request that offers to upgrade the connection keeps its body. The parser stops after such a head and drops what follows, though
  RFC 9110 lets a server ignore the offer; so the head is read again without it.
* A client that closes its side after a whole request is answered all the same.
* What is not HTTP is answered with a problem document.
* A response goes out in one piece.
"""

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from receiver.joined import JoinedWrites
from receiver.problems import problem
from schemas.errors import BadRequest, HeadTooLarge

HEAD_TIMEOUT_S: Final = 10.0
MOST_HEAD_BYTES: Final = 65_536
_UPGRADING: Final = (b"upgrade", b"http2-settings")


class TimedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_body = False
        self._offers_upgrade = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The head's time starts with the connection."""
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes outside of a running request belong to a head, or to the body of a request that was answered without it: both are timed."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._go_on_without_upgrade(data[stopped.args[0] :])
        except httptools.HttpParserError:
            self._close_with(problem(BadRequest(), closes=True).on_wire())
        cycle: RequestResponseCycle | None = self.cycle
        if (cycle is None or cycle.response_complete) and not self.transport.is_closing():
            if self._head_timer is None:
                self._start_head_timer()
            self._count_head(len(data))

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that has said all it will may still listen: then it is answered before the connection is closed."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        return True

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop_head_timer()
        self._head_bytes = 0
        self._in_body = True
        self._offers_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._offers_upgrade:
            super().on_headers_complete()
            if self.parser.get_method() != b"HEAD":  # its response has no body that the head could wait for
                self.cycle.transport = JoinedWrites(self.transport)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """The body is whole; what follows is the next head."""
        self._in_body = False
        if not self._offers_upgrade:
            super().on_message_complete()

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        if not self._offers_upgrade:
            return
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = [b"%s: %s" % (name, _without_offer(name, value)) for name, value in self.headers if name not in _UPGRADING]
        lines = [b"%s %s HTTP/%s" % (method, self.url, version), *kept]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _count_head(self, size_bytes: int) -> None:
        if self._in_body:
            return
        self._head_bytes += size_bytes
        if self._head_bytes > MOST_HEAD_BYTES:
            self._close_with(problem(HeadTooLarge(), closes=True).on_wire())

    def _close_with(self, response: bytes) -> None:
        self.transport.write(response)
        self.transport.close()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._give_up)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.close()


def _without_offer(name: bytes, value: bytes) -> bytes:
    if name != b"connection":
        return value
    return b",".join(token for token in value.split(b",") if token.strip().lower() not in _UPGRADING)
