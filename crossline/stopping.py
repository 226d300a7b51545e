"""How a process that has children learns that it is to stop: a flag that its waits look at, never an exception out of nowhere."""

import contextlib
import select
import signal
import socket
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Final, Self

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TAKEN: Final = (*STOP_SIGNALS, signal.SIGCHLD)
INTERRUPTED: Final = 130
"""Exit code after Ctrl-C."""


class StopRequest:
    """Whether this process was asked to stop, by Ctrl-C, SIGTERM or a terminal that was closed. A context manager of the main thread.

    The second request is `urgent`: children are then killed without more waiting.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.urgent = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        as_in_a_new_process()
        self._reader.close()
        self._writer.close()

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 0 after any other request."""
        return INTERRUPTED if self.signal == signal.SIGINT else 0

    def wait(self, timeout_s: float) -> bool:
        """Wait at most so long; returns early on any signal, the end of a child included. True once a stop was asked for."""
        if self.signal is None and timeout_s > 0:
            select.select([self._reader], [], [], timeout_s)
        self._drain()
        return self.signal is not None

    def pause(self, timeout_s: float) -> None:
        """Wait at most so long while stopping; returns early on any signal."""
        select.select([self._reader], [], [], timeout_s)
        self._drain()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(1024):
                pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.urgent = self.signal is not None
        self.signal = self.signal or number


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Signals wait until the block ends: a child that is being born must not take one for its parent, and lose it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def as_in_a_new_process() -> None:
    """Give every signal that a `StopRequest` took its meaning of a fresh Python process again, and let it through; for a child, too."""
    signal.set_wakeup_fd(-1)
    for number in _TAKEN:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TAKEN)
