"""The load where wrk is not installed: one process, raw HTTP/1.1 over kept-alive connections, one request at a time on each.

It sends whole requests that were made before, each once, and does no more with an answer than find its end and its status: a
request costs it a fraction of what it costs the cheapest server. Prints one JSON object, the same as `wrk.lua` does.
"""

import asyncio
import gc
import json
import re
import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvloop

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK: Final = b"HTTP/1.1 200"


class Load:
    """What all connections share: the requests that are left, and what was counted."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.requests = requests
        self.latencies_s = array("d")
        self.refused = 0
        self.broken = 0
        self.ran_out = 0
        self.is_over = False

    def outcome(self, took_s: float) -> dict[str, float]:
        """What is printed."""
        latencies_s = sorted(self.latencies_s)
        counts = {"answers": len(latencies_s), "refused": self.refused, "broken": self.broken, "ran_out": self.ran_out}
        return {"took_s": took_s, "p50_ms": _percentile(latencies_s, 50) * 1e3, "p99_ms": _percentile(latencies_s, 99) * 1e3, **counts}


class Connection(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the one before it is whole."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.WriteTransport | None = None
        self._answer = b""
        self._sent_s = 0.0

    def connection_made(self, transport: asyncio.WriteTransport) -> None:  # type: ignore[override]
        """Nothing is sent until all are connected."""
        self._transport = transport

    def send_next(self) -> None:
        """Send one request, unless none is left."""
        request = next(self._load.requests, None)
        if request is None:
            self._load.ran_out = 1
            return
        assert self._transport is not None
        self._sent_s = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._answer += data
        if self._load.is_over or not _is_whole(self._answer):
            return
        self._load.latencies_s.append(time.perf_counter() - self._sent_s)
        self._load.refused += not self._answer.startswith(_OK)
        self._answer = b""
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that closes a connection in the middle of the load fails it."""
        self._load.broken += not self._load.is_over


async def run(port: int, load: Load, *, connections: int, seconds: float) -> float:
    """Load the server; how long that took, in seconds."""
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Connection(load), "127.0.0.1", port) for _ in range(connections)]
    began_s = time.perf_counter()
    for _, connection in opened:
        connection.send_next()
    await asyncio.sleep(seconds)
    load.is_over = True
    took_s = time.perf_counter() - began_s
    for transport, _ in opened:
        transport.close()
    return took_s


def main(path: str, size: str, port: str, connections: str, seconds: str) -> None:
    """`path`: the file of requests, each `size` bytes."""
    data, step = Path(path).read_bytes(), int(size)
    load = Load(data[at : at + step] for at in range(0, len(data), step))
    gc.disable()
    took_s = uvloop.run(run(int(port), load, connections=int(connections), seconds=float(seconds)))
    sys.stdout.write(json.dumps(load.outcome(took_s)))


def _is_whole(answer: bytes) -> bool:
    head_end = answer.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    length = _LENGTH.search(answer, 0, head_end)
    return len(answer) >= head_end + 4 + (int(length[1]) if length else 0)


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0


if __name__ == "__main__":
    main(*sys.argv[1:])
