"""Child processes that end when their parent does, however it ends, and start again when they end by themselves.

Each child leads a session of its own, so that Ctrl-C reaches the parent alone, and the parent stops its children in order. On Linux the
kernel kills a child whose parent died; elsewhere it lives on, and the next `up` finds it.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from crossline.stopping import StopRequest, as_in_a_new_process, signals_held
from schemas.clock import monotonic_s

log: Any = structlog.get_logger("crossline.processes")

STOP_WITHIN_S: Final = 5.0
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 10.0
_STEADY_S: Final = 30.0
"""A child that lived so long is started again without the delay that earlier deaths had earned."""
_IDLE_S: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Process(Protocol):
    """A started child."""

    @property
    def pid(self) -> int:
        """Its process id, and its session's."""

    def poll(self) -> int | None:
        """None while it runs; else its exit code, negative for a signal."""


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent, whose id is `parent`, ends. Linux only; nothing elsewhere."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def spawn(command: Sequence[str], environment: Mapping[str, str], *, pass_fds: Sequence[int] = ()) -> Process:
    """Run a program as a child. Call it from the main thread: the kernel takes the end of the starting thread for the parent's."""
    parent = os.getpid()

    def before_exec() -> None:
        end_with_parent(parent)
        as_in_a_new_process()

    with signals_held():
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=before_exec,  # noqa: PLW1509  the parent has no other thread at work
        )


class Fork:
    """A fork of this process that runs one function: what was imported before is shared, and it starts in milliseconds."""

    def __init__(self, run: Callable[[], None]) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._exit: int | None = None
        with signals_held():
            self.pid = os.fork()
            if self.pid == 0:
                os._exit(_run_as_child(run, parent))

    def poll(self) -> int | None:
        """None while it runs; else its exit code, negative for a signal."""
        if self._exit is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._exit = os.waitstatus_to_exitcode(status)
        return self._exit


def _run_as_child(run: Callable[[], None], parent: int) -> int:
    code = 1
    try:
        os.setsid()
        end_with_parent(parent)
        as_in_a_new_process()
        run()
        code = 0
    except KeyboardInterrupt:
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        # The text of an exception may quote what somebody wrote; its type may not.
        log.error("process_failed", error=type(error).__name__)
        log.debug("process_failed_at", exc_info=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


@dataclass(slots=True)
class _Child:
    name: str
    start: Callable[[], Process]
    process: Process
    started_s: float
    again: bool
    delay_s: float = _FIRST_DELAY_S
    deaths: int = 0
    again_at_s: float | None = None


class Family:
    """This process's children by name."""

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}

    def start(self, name: str, start: Callable[[], Process], *, again: bool = True) -> Process:
        """Start a child now, and `again` whenever it ends by itself."""
        child = _Child(name, start, start(), monotonic_s(), again)
        self._children[name] = child
        return child.process

    def poll(self, name: str) -> int | None:
        """None while a child runs; else how its latest process ended."""
        return self._children[name].process.poll()

    def deaths(self, name: str) -> int:
        """How often a child ended by itself."""
        return self._children[name].deaths

    def tend(self) -> float:
        """Note what ended, start again what is due. Returns after how many seconds this should be called again at the latest."""
        now_s, next_s = monotonic_s(), _IDLE_S
        for child in self._children.values():
            if child.again and child.again_at_s is None and (code := child.process.poll()) is not None:
                _ended(child, code, now_s)
            if child.again_at_s is not None and child.again_at_s <= now_s:
                _start_again(child, now_s)
            if child.again_at_s is not None:
                next_s = min(next_s, child.again_at_s - now_s)
        return next_s

    def stop(self, names: Sequence[str], stop: StopRequest, *, within_s: float = STOP_WITHIN_S) -> None:
        """Stop children together: SIGTERM, `within_s` seconds of patience, SIGKILL to their sessions. A second Ctrl-C ends the patience."""
        children = [self._children.pop(name) for name in names if name in self._children]
        stop_processes([child.process for child in children], stop, within_s=within_s)


def stop_processes(processes: Sequence[Process], stop: StopRequest, *, within_s: float) -> None:
    """See `Family.stop`."""
    for process in processes:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
    deadline_s = monotonic_s() + within_s
    while not stop.urgent and (left_s := deadline_s - monotonic_s()) > 0:
        if all(process.poll() is not None for process in processes):
            return
        stop.pause(left_s)
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            while process.poll() is None:
                stop.pause(0.1)


def _start_again(child: _Child, now_s: float) -> None:
    try:
        child.process, child.started_s, child.again_at_s = child.start(), now_s, None
    except OSError as error:
        # No memory or no process left for now: the other children still do their work.
        log.error("process_not_started", process=child.name, why=error.strerror)
        child.again_at_s = now_s + child.delay_s


def _ended(child: _Child, code: int, now_s: float) -> None:
    if now_s - child.started_s >= _STEADY_S:
        child.delay_s = _FIRST_DELAY_S
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    log.warning("process_ended", process=child.name, how=how, again_in_s=child.delay_s)
    child.deaths += 1
    child.again_at_s = now_s + child.delay_s
    child.delay_s = min(child.delay_s * 2, _LONGEST_DELAY_S)
