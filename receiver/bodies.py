"""How much of a request's body is read, and for how long."""

import asyncio
from typing import Any, Final

from starlette.types import Receive

from schemas.errors import BodyTimeout, BodyTooLarge, Refused

MOST_BYTES: Final = 262_144
TIMEOUT_S: Final = 10.0
_DRAIN_S: Final = 1.0
_DRAIN_BYTES: Final = 8_388_608


class ClientGone(Exception):
    """The client closed the connection before its body was complete; nobody is left to answer."""


class BodyRefused(Exception):
    """The body was not read whole. `why`: what to answer. `read`: what had arrived until then."""

    def __init__(self, why: Refused, read: bytes) -> None:
        super().__init__(why.code)
        self.why = why
        self.read = read


class BodyReader:
    """Reads bodies against one clock: a timer for each would cost as much as a seventh of the whole way to a 200.

    Since all have the same time, they run out in the order in which they began.
    """

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._began_s: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, receive: Receive, *, content_length: int | None) -> bytes:
        """The whole body, at most `MOST_BYTES`, within the reader's time. Raises BodyRefused, or ClientGone.

        `content_length`: what the head announces; too much of it is refused before anything is read. Called from a task.
        """
        if content_length is not None and content_length > MOST_BYTES:
            raise BodyRefused(BodyTooLarge(), b"")
        parts: list[bytes] = []
        task = self._begin()
        try:
            return await _collect(receive, parts)
        except asyncio.CancelledError:
            if task in self._late and task.uncancel() == 0:
                raise BodyRefused(BodyTimeout(), b"".join(parts)) from None
            raise
        finally:
            del self._began_s[task]
            self._late.discard(task)

    def _begin(self) -> asyncio.Task[Any]:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._began_s[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._timeout_s, self._end_late_ones)
        return task

    def _end_late_ones(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for task, began_s in self._began_s.items():
            if began_s + self._timeout_s > loop.time():
                self._timer = loop.call_at(began_s + self._timeout_s, self._end_late_ones)
                return
            if task not in self._late:
                self._late.add(task)
                task.cancel()


async def drain(receive: Receive) -> None:
    """Take what a refused client still sends, for a moment and up to a limit, and throw it away."""
    size_bytes = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            while size_bytes < _DRAIN_BYTES:
                event = await receive()
                if event["type"] == "http.disconnect" or not event.get("more_body", False):
                    return
                size_bytes += len(event.get("body", b""))
    except TimeoutError:
        return


async def _collect(receive: Receive, parts: list[bytes]) -> bytes:
    size_bytes = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        part = event.get("body", b"")
        size_bytes += len(part)
        if size_bytes > MOST_BYTES:
            raise BodyRefused(BodyTooLarge(), b"".join(parts))
        if not event.get("more_body", False):
            return b"".join((*parts, part)) if parts else part
        parts.append(part)
