"""Puts a server under load: wrk where it is installed, else a client of our own, in a process of its own either way."""

import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.children import ROOT, Failed

CONNECTIONS: Final = 64
_MOST_PER_S: Final = 60_000
_MEMORY: Final = Path("/dev/shm")
_PATIENCE_S: Final = 30.0
_SHOWN: Final = 1_000
"""Characters of what a load generator that failed wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One server under load, once."""

    answers: int
    took_s: float
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        """Answered requests a second."""
        return self.answers / self.took_s


def generator() -> str:
    """What makes the load on this machine."""
    return "wrk" if shutil.which("wrk") else "bench.ack.client"


def enough_for(seconds: float) -> int:
    """So many requests that no server answers them all in this time."""
    return math.ceil(_MOST_PER_S * max(1.0, seconds))


def measure(port: int, requests: Sequence[bytes], *, seconds: float) -> Measured:
    """Load the server on a port of this machine for so many seconds. Raises Failed where any answer was not 200."""
    with _file_of(requests) as path:
        outcome = _run(_command(port, path, len(requests[0]), seconds), seconds)
    for name, meaning in (("refused", "answers were not 200"), ("broken", "connections broke")):
        if outcome.pop(name):
            raise Failed(f"Some {meaning}.")
    if outcome.pop("ran_out"):
        raise Failed("The server answered more requests than were made for it: measure for a shorter time.")
    return Measured(**outcome)


def _command(port: int, path: Path, size_bytes: int, seconds: float) -> list[str]:
    if wrk := shutil.which("wrk"):
        script = str(Path(__file__).with_name("wrk.lua"))
        options = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{max(1, round(seconds))}s", "--script", script]
        return [wrk, *options, f"http://127.0.0.1:{port}/", "--", str(path), str(size_bytes)]
    return [sys.executable, "-m", "bench.ack.client", str(path), str(size_bytes), str(port), str(CONNECTIONS), str(seconds)]


def _run(command: list[str], seconds: float) -> dict[str, Any]:
    try:
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=seconds + _PATIENCE_S)
    except subprocess.SubprocessError as error:
        raise Failed(f"The load generator failed ({type(error).__name__}):\n{str(getattr(error, 'stderr', ''))[-_SHOWN:]}") from None
    outcome: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return outcome


@contextmanager
def _file_of(requests: Sequence[bytes]) -> Iterator[Path]:
    """In memory where the machine has a place for that: written to the disk, it would disturb the fsyncs that are measured."""
    with tempfile.NamedTemporaryFile(prefix="crossline-bench-", dir=_MEMORY if _MEMORY.is_dir() else None) as file:
        file.writelines(requests)
        file.flush()
        yield Path(file.name)
