"""uvicorn's HTTP/1.1 protocol with limits on a request's head, for which it has none; loaded by `--http receiver.protocol:TimedProtocol`.

A connection that sends no whole head in time is closed: it may be idle from the start, slow, or still pouring the body of a request
that has been answered. Between requests uvicorn's own keep-alive timeout holds.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from receiver.problems import problem
from schemas.errors import BadRequest, HeadTooLarge

HEAD_TIMEOUT_S: Final = 10.0
MOST_HEAD_BYTES: Final = 65_536


class TimedProtocol(HttpToolsProtocol):
    """One connection."""

    head_timeout_s = HEAD_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_body = False

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
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle
        if (cycle is None or cycle.response_complete) and not self.transport.is_closing():
            if self._head_timer is None:
                self._start_head_timer()
            self._count_head(len(data))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop_head_timer()
        self._head_bytes = 0
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole; what follows is the next head."""
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is answered as every other error is."""
        self._close_with(problem(BadRequest(), closes=True).on_wire())

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
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.close()
