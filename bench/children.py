"""The processes that a measurement starts: each ends with the measurement, and writes into a log file of its own."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from crossline.processes import end_with_parent

ROOT: Final = Path(__file__).parent.parent
READY_WITHIN_S: Final = 30.0
_STOP_WITHIN_S: Final = 6.0
_LOOK_EVERY_S: Final = 0.02
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR")


class Failed(Exception):
    """A measurement that cannot be trusted, or could not be made. The message is for a person."""


@contextlib.contextmanager
def child(command: Sequence[str], environ: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that runs until the block ends. It gets the given environment, and of ours only where programs and files lie."""
    with started(command, environ, log) as process:
        try:
            yield process
        finally:
            _stop(process)


def run(command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
    """Run a process to its end. Raises Failed with what it wrote where that was not a success."""
    with started(command, environ, log) as process:
        if process.wait() != 0:
            raise Failed(f"{' '.join(command[:3])} … ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")


def started(command: Sequence[str], environ: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """A process, from the project's own directory; it is killed when this one ends."""
    parent = os.getpid()
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=inherited | dict(environ),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: end_with_parent(parent),  # noqa: PLW1509  this process has no other thread
        )


def wait_for(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path, *, what: str) -> None:
    """Return when `ready` says so. Raises Failed when the process ends before, or the time is over."""
    deadline_s = time.monotonic() + READY_WITHIN_S
    while not ready():
        if process.poll() is not None:
            raise Failed(f"{what} ended at once:\n{log.read_text(errors='replace')[-2000:]}")
        if time.monotonic() > deadline_s:
            raise Failed(f"{what} is not ready after {READY_WITHIN_S:.0f} s:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(_LOOK_EVERY_S)


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
