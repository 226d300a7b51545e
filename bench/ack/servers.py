"""The servers that are compared, each in a process of its own, with the same uvicorn, loop, parser and flags."""

import contextlib
import http.client
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from bench.children import child, free_port, wait_for
from bench.installation import COMMAND, Installation
from bench.usual_job import QUEUE
from schemas.keys import INBOX_MESSAGES

BARE: Final = "bare_starlette"
USUAL: Final = "usual_way"
PIPELINED: Final = "asyncio_pipeline"
CROSSLINE: Final = "crossline"
ORDER: Final = (BARE, USUAL, PIPELINED, CROSSLINE)
"""In which a round measures them."""
_APPS: Final = {BARE: "bench.ack.bare:app", USUAL: "bench.ack.usual:app", PIPELINED: "bench.ack.pipelined:app"}
_FLAGS: Final = {
    "loop": "uvloop",
    "http": "httptools",
    "ws": "none",
    "backlog": "2048",
    "timeout-keep-alive": "75",
    "log-level": "warning",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. `path`: where it takes callbacks."""

    name: str
    port: int
    path: str
    pid: int

    def kept(self, client: "redis.Redis") -> int | None:
        """How many messages lie in Redis that were sent to it since Redis was emptied; None for the server that keeps nothing."""
        if self.name == BARE:
            return None
        if self.name == CROSSLINE:
            return int(client.get(INBOX_MESSAGES) or 0)
        return int(client.llen(f"rq:queue:{QUEUE}"))


@contextlib.contextmanager
def running_servers(installation: Installation, directory: Path) -> Iterator[list[Server]]:
    """All of them until the block ends, in the order in which a round measures them."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_running(name, installation, directory / f"{name}.log")) for name in ORDER]


@contextlib.contextmanager
def running_crossline(installation: Installation, log: Path) -> Iterator[Server]:
    """Crossline's web process alone, until the block ends."""
    with _running(CROSSLINE, installation, log) as server:
        yield server


@contextlib.contextmanager
def _running(name: str, installation: Installation, log: Path) -> Iterator[Server]:
    port = free_port()
    path = installation.private_path if name == CROSSLINE else "/callbacks"
    command = [COMMAND, "web"] if name == CROSSLINE else _uvicorn(_APPS[name], port)
    with child(command, installation.environ | {"PORT": str(port)}, log) as process:
        wait_for(lambda: _answers(port), process, log, what=name)
        yield Server(name, port, path, process.pid)


def _uvicorn(app: str, port: int) -> list[str]:
    pairs = [word for name, value in _FLAGS.items() for word in (f"--{name}", value)]
    switches = ["--no-access-log", "--no-server-header", "--no-proxy-headers"]
    return [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), *pairs, *switches]


def _answers(port: int) -> bool:
    """Whether it answers HTTP at all: Crossline with 200, the others that there is no such page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status in (http.client.OK, http.client.NOT_FOUND)
    except OSError:
        return False
    finally:
        connection.close()
