"""The Valkey that everything measured shares: the product's own embedded one, with fsync on every write."""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from bench.children import Failed
from crossline.embedded import valkey_on
from crossline.processes import Process

_ON_A_DISK: Final = Path("/var/tmp")
_READY_WITHIN_S: Final = 20.0
_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class RunningValkey:
    """Its address, and a client for looking at it."""

    url: str
    client: "redis.Redis"

    @property
    def version(self) -> str:
        """The server's version."""
        info = self.client.info("server")
        return str(info.get("valkey_version", info["redis_version"]))

    def empty(self) -> None:
        """Remove every key, and return when the memory is free again."""
        self.client.flushall(asynchronous=False)
        self.settle()

    def settle(self) -> None:
        """Return when nothing is left that Valkey frees in the background."""
        while self.client.info("memory")["lazyfree_pending_objects"]:
            time.sleep(_LOOK_EVERY_S)

    def used_bytes(self) -> int:
        """The memory that Valkey uses for all it holds."""
        return int(self.client.info("memory")["used_memory"])


@contextlib.contextmanager
def scratch_directory() -> Iterator[Path]:
    """A directory on a disk, where fsync costs what it costs: `/tmp` is often memory."""
    parent = _ON_A_DISK if _ON_A_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="crossline-bench-", dir=parent) as directory:
        yield Path(directory)


@contextlib.contextmanager
def running_valkey(directory: Path) -> Iterator[RunningValkey]:
    """A Valkey of our own until the block ends."""
    with valkey_on(directory / "valkey") as valkey:
        process = valkey.start(dict(os.environ))
        client = redis.Redis(unix_socket_path=str(valkey.socket), socket_timeout=60)
        try:
            _wait_until_it_answers(client, process)
            yield RunningValkey(valkey.url, client)
        finally:
            client.close()
            _stop(process)


def _wait_until_it_answers(client: "redis.Redis", process: Process) -> None:
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline_s:
        with contextlib.suppress(redis.ConnectionError):
            if client.ping():
                return
        time.sleep(_LOOK_EVERY_S)
    raise Failed("The embedded Valkey does not start.")


def _stop(process: Process) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    while process.poll() is None:
        time.sleep(_LOOK_EVERY_S)
