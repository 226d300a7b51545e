"""A small real HTTP/1.1 server on loopback that answers by script: statuses, silence, cut connections. It notes what it was sent."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Self

PATH: Final = "/callbacks/telesign/a-made-up-token"
_DRIPS: Final = 400
_DRIP_EVERY_S: Final = 0.02


class Misbehaviour(Enum):
    """What a server does that gives no whole answer."""

    HANGS = "hangs"
    DRIPS = "drips"
    CUTS_BEFORE_ANSWERING = "cuts before answering"
    CUTS_INSIDE_THE_ANSWER = "cuts inside the answer"
    TALKS_NONSENSE = "talks nonsense"


Answer = int | Misbehaviour


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, as it came. `at_s` is on the monotonic clock."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float

    @property
    def document(self) -> dict[str, Any]:
        """The body, decoded."""
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


class ScriptedServer:
    """Runs in a thread of its own while its context is open. `answer` is asked once for each request, with how many came before."""

    def __init__(self, answer: Callable[[int, Received], Answer], *, takes_s: float = 0.0) -> None:
        self.received: list[Received] = []
        self.most_at_once = 0
        self._answer = answer
        self._takes_s = takes_s
        self._at_once = 0
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """The private URI that it pretends to be."""
        return f"http://127.0.0.1:{self._port}{PATH}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        port = self._server.sockets[0].getsockname()[1]
        assert isinstance(port, int)
        return port

    async def _stop(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while await self._serve_one(reader, writer):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _read(reader)
        self.received.append(request)
        answer = self._answer(len(self.received) - 1, request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._takes_s)
            return await _reply(writer, answer)
        finally:
            self._at_once -= 1


def always(answer: Answer) -> Callable[[int, Received], Answer]:
    """The same answer to every request."""
    return lambda _number, _request: answer


def in_turn(*answers: Answer) -> Callable[[int, Received], Answer]:
    """One answer after another, the last one for ever."""
    return lambda number, _request: answers[min(number, len(answers) - 1)]


@contextlib.contextmanager
def answering(*answers: Answer, takes_s: float = 0.0) -> Iterator[ScriptedServer]:
    """A server that gives one answer after another, the last one for ever."""
    with ScriptedServer(in_turn(*answers), takes_s=takes_s) as server:
        yield server


def ids_in(received: Iterable[Received]) -> list[str]:
    """The mo_reference_ids of requests, in the order in which they came."""
    return [str(request.document["mo_reference_id"]) for request in received]


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(line=line, headers=headers, body=body, at_s=time.monotonic())


async def _reply(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    """Whether the connection may be used again."""
    match answer:
        case Misbehaviour.HANGS:
            await asyncio.sleep(60)
        case Misbehaviour.DRIPS:
            await _drip(writer)
        case Misbehaviour.CUTS_BEFORE_ANSWERING:
            writer.transport.abort()
        case Misbehaviour.CUTS_INSIDE_THE_ANSWER:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{")
        case Misbehaviour.TALKS_NONSENSE:
            writer.write(b"200 is all I can say\r\n\r\n")
        case status:
            body = b"" if status in {204, 304} else b"{}"
            length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
            writer.write(f"HTTP/1.1 {status} Scripted\r\nLocation: {PATH}\r\n{length}\r\n".encode() + body)
            await writer.drain()
            return True
    return False


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {_DRIPS}\r\n\r\n".encode())
    for _ in range(_DRIPS):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(_DRIP_EVERY_S)
