"""A process that a test starts, and does to it what happens in production: stops it, kills it, lets it hang."""

import contextlib
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil


class ServerProcess:
    """One process with its children. What it writes goes to `log_path`. It is only ever signalled by its own id."""

    stop_signal = signal.SIGTERM

    def __init__(self, log_path: Path) -> None:
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; the process must have been started."""
        return self._started.pid

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._started.poll()

    def log(self) -> str:
        """All that the process has written to its standard output and error, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def spawn(self, command: list[str], **options: Any) -> None:
        """Start the process in a session of its own, so that no Ctrl-C meant for the tests reaches it."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options
            )

    def stop(self, *, within_s: float = 10.0) -> int | None:
        """Ask the process to end, and kill it when it does not in time. Its exit code; None where it was never started."""
        if self._process is None:
            return None
        if self.is_running:
            self.resume()
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.wait()

    def kill(self) -> None:
        """End the process and its children at once, with SIGKILL."""
        self._signal(signal.SIGKILL)
        self._started.wait()

    def pause(self) -> None:
        """Make the process and its children hang: SIGSTOP. Connections to it stay open and get no answer."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def wait(self, *, within_s: float = 10.0) -> int:
        """The exit code of a process that ends by itself. Fails when it does not in time."""
        return self._started.wait(within_s)

    @property
    def _started(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "the process was not started"
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        """Signal the process first, so that it does not replace children that go; some may be gone before it is their turn."""
        if not self.is_running:  # its id may be another's by now
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            for member in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.send_signal(number)
