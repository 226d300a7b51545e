"""How much of a request's body is read, and for how long."""

import asyncio
from typing import Final

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


async def read_body(receive: Receive, *, content_length: int | None, timeout_s: float = TIMEOUT_S) -> bytes:
    """The whole body, at most `MOST_BYTES`, within `timeout_s`. Raises BodyRefused, or ClientGone.

    `content_length`: what the head announces; too much of it is refused before anything is read.
    """
    if content_length is not None and content_length > MOST_BYTES:
        raise BodyRefused(BodyTooLarge(), b"")
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(timeout_s):
            return await _collect(receive, parts)
    except TimeoutError:
        raise BodyRefused(BodyTimeout(), b"".join(parts)) from None


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
