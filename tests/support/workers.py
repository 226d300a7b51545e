"""Worker processes for tests, kept alive as `crossline worker` keeps its own: one that dies is followed by another."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.crossline import process_environ
from tests.support.process import ServerProcess
from tests.support.worker_main import DIED

ROOT = Path(__file__).parent.parent.parent


class WorkerProcess(ServerProcess):
    """A process that runs `tests.support.worker_main`."""

    def __init__(self, directory: Path, *, redis_url: str, database_url: str, lease_ms: int) -> None:
        super().__init__(directory / "worker.log")
        self._arguments = [redis_url, database_url, str(lease_ms)]

    def start(self) -> None:
        """Start the process; returns at once."""
        command = [sys.executable, "-m", "tests.support.worker_main", *self._arguments]
        self.spawn(command, env=process_environ({}), cwd=ROOT)

    @property
    def deaths(self) -> int:
        """How many workers have died and were followed by another."""
        return self.log().splitlines().count(DIED)


@contextlib.contextmanager
def kept_alive(worker: WorkerProcess) -> Iterator[WorkerProcess]:
    """The worker, started, until the block ends."""
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
