"""What goes to the connection, and when: a response's head waits for the first part of its body, and nothing waits after that."""

import asyncio
from typing import Any

import pytest

from receiver.joined import JoinedWrites

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Recorded(asyncio.Transport):
    """A connection that only notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.done.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@pytest.mark.parametrize(
    "writes, sent",
    [
        pytest.param([HEAD, b"{}"], [HEAD + b"{}"], id="head and body together"),
        pytest.param([HEAD], [], id="a head alone waits"),
        pytest.param([HEAD, b""], [HEAD], id="a head with an empty body does not"),
        pytest.param([HEAD, b"{", b"}"], [HEAD + b"{", b"}"], id="later parts go at once"),
        pytest.param([HEAD, b"", HEAD], [HEAD, HEAD], id="a body that looks like a head"),
        pytest.param([CONTINUE], [CONTINUE], id="an interim response goes at once"),
        pytest.param([CONTINUE, HEAD, b"{}"], [CONTINUE, HEAD + b"{}"], id="and the response after it in one piece"),
        pytest.param([HEAD, CONTINUE], [HEAD + CONTINUE], id="a body that looks like an interim response"),
    ],
)
def test_a_response_is_one_write(writes: list[bytes], sent: list[bytes]) -> None:
    transport = Recorded()
    joined = JoinedWrites(transport)

    for data in writes:
        joined.write(data)

    assert transport.done == sent
    assert not joined.is_closing()


@pytest.mark.parametrize("writes", [[], [HEAD], [HEAD, b"{}"]], ids=["nothing", "a head", "a whole response"])
def test_closing_sends_what_still_waits(writes: list[bytes]) -> None:
    transport = Recorded()
    joined = JoinedWrites(transport)
    for data in writes:
        joined.write(data)

    joined.close()

    assert b"".join(transport.done) == b"".join(writes)
    assert joined.is_closing()
