"""One response, one write: uvicorn writes a response's head and its body apart, which costs a system call and a packet more each time.

ASGI has it so too: a head is not sent before the first part of its body is there.
"""

import asyncio
from typing import Final

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class JoinedWrites:
    """Stands between one response and its connection: holds the head back until the next write, and sends both together."""

    __slots__ = ("_head", "_head_is_due", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head_is_due = True
        self._head = b""

    def write(self, data: bytes) -> None:
        """The first write is the head; a body without a byte is a write too."""
        if self._head_is_due:
            if data == _CONTINUE:
                self._transport.write(data)
            else:
                self._head, self._head_is_due = data, False
        elif self._head:
            whole, self._head = self._head + data, b""
            self._transport.write(whole)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Send what is held, and close."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport.is_closing()
