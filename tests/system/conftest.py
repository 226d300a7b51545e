"""`crossline up` as a person runs it: in a directory of its own, on a free port, with what it printed at hand."""

import itertools
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.support.crossline import COMMAND, process_environ
from tests.support.polling import wait_until
from tests.support.process import ServerProcess

READY_WITHIN_S = 30.0
_numbers = itertools.count(1)


class Up(ServerProcess):
    """One `crossline up`. Ctrl-C is its way to stop."""

    stop_signal = signal.SIGINT

    def __init__(self, directory: Path, environ: Mapping[str, str], arguments: tuple[str, ...]) -> None:
        super().__init__(directory / f"up-{next(_numbers)}.log")
        self.directory = directory
        self.environ = process_environ(environ)
        self.arguments = arguments

    def start(self) -> None:
        """Start it; returns at once."""
        self.spawn([str(COMMAND), "up", "--port", "0", *self.arguments], env=self.environ, cwd=self.directory)

    def wait_ready(self) -> None:
        """Return when it has printed all that it says when it is ready."""
        wait_until(self._is_ready, within_s=READY_WITHIN_S, what="up being ready")

    @property
    def private_uri(self) -> str:
        """The private URI that it printed."""
        return self._printed(r"^  (http://\S+/callbacks/telesign/\S+)$")

    @property
    def url(self) -> str:
        """Where its web process answers."""
        return self.private_uri.partition("/callbacks/")[0]

    @property
    def curl_line(self) -> str:
        """The line that sends a first message."""
        return self._printed(r"^  (curl .*)$")

    @property
    def transcript_line(self) -> str:
        """The line that shows that message."""
        return self._printed(r"^  (.* transcript .*)$")

    def sh(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Run a line as a person would: in sh, in the same directory."""
        return subprocess.run(
            ["sh", "-c", line], cwd=self.directory, env=self.environ, capture_output=True, text=True, check=False, timeout=30
        )

    def family(self) -> list[psutil.Process]:
        """It and everything that it started, as of now."""
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]

    def child(self, word: str) -> psutil.Process:
        """The direct child that has a word in its command line."""
        return next(child for child in psutil.Process(self.pid).children() if word in shlex.join(child.cmdline()))

    def _is_ready(self) -> bool:
        assert self.is_running, f"up ended with {self.exit_code}: {self.log()}"
        return "Ctrl-C stops everything" in self.log()

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.log(), flags=re.MULTILINE)
        assert found, self.log()
        return found[1]


StartUp = Callable[..., Up]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough here: these tests are about processes."""
    return sqlite_url


@pytest.fixture
def up(short_dir: Path) -> Iterator[StartUp]:
    """Starts `crossline up` in `short_dir` (or `cwd`): `up()`, `up("--demo")`, `up(environ=…)`, `up(ready=False)`. Stopped afterwards."""
    started: list[Up] = []

    def start(*arguments: str, environ: Mapping[str, str] | None = None, cwd: Path = short_dir, ready: bool = True) -> Up:
        process = Up(cwd, environ or {}, arguments)
        started.append(process)
        process.start()
        if ready:
            process.wait_ready()
        return process

    yield start
    for process in reversed(started):
        process.stop(within_s=20)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
