"""Children: how they end, how they start again, and that a stop waits, but not for ever."""

import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial

import psutil
import pytest

from crossline.address import free_port, in_url, is_ready, loopback
from crossline.processes import Family, Fork, Process, spawn
from crossline.stopping import StopRequest
from schemas.errors import UserError
from tests.support.polling import wait_until

# Newer Pythons warn of a fork beside threads; pytest-xdist has some, the product's parents have none.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def stop() -> Iterator[StopRequest]:
    """A stop request that listens to this process's signals."""
    with StopRequest() as stop:
        yield stop


def sleep_long() -> None:
    time.sleep(60)


def sleep_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def raise_something() -> None:
    raise ValueError


def leave_with_seven() -> None:
    raise SystemExit(7)


def exit_code(process: Process) -> int:
    """How a process ended, once it did."""
    wait_until(lambda: process.poll() is not None, what="its end")
    code = process.poll()
    assert code is not None
    return code


@pytest.mark.parametrize(
    "run, code",
    [
        pytest.param(lambda: None, 0, id="returned"),
        pytest.param(leave_with_seven, 7, id="exited"),
        pytest.param(raise_something, 1, id="raised"),
        pytest.param(lambda: os.kill(os.getpid(), signal.SIGKILL), -9, id="killed"),
    ],
)
def test_a_fork_ends_as_its_function_does(run: Callable[[], None], code: int) -> None:
    assert exit_code(Fork(run)) == code


def test_a_fork_leads_its_own_session_and_has_its_signals_back(stop: StopRequest) -> None:
    child = Fork(sleep_long)
    wait_until(lambda: os.getsid(child.pid) == child.pid, what="its session")

    os.kill(child.pid, signal.SIGTERM)

    assert exit_code(child) == -signal.SIGTERM
    assert stop.signal is None


def test_a_child_ends_with_its_parent() -> None:
    reader, writer = os.pipe()

    def parent() -> None:
        os.write(writer, b"%d\n" % spawn(["sleep", "60"], os.environ).pid)
        time.sleep(60)

    middle = Fork(parent)
    child = psutil.Process(int(os.read(reader, 64)))

    os.kill(middle.pid, signal.SIGKILL)

    assert exit_code(middle) == -9
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, within_s=2, what="the child's end")
    os.close(reader)
    os.close(writer)


def died(family: Family, times: int) -> bool:
    """Whether the child `short` has ended so often."""
    family.tend()
    return family.deaths("short") == times


def test_a_child_that_ends_is_started_again_later_and_later(stop: StopRequest) -> None:
    family = Family()
    family.start("short", lambda: Fork(lambda: None))
    waits = []
    for death in (1, 2):
        wait_until(partial(died, family, death), what="its death")
        waits.append(family.tend())

    family.stop(["short"], stop)

    assert 0.3 < waits[0] <= 0.5
    assert 0.8 < waits[1] <= 1.0


def test_a_start_that_fails_is_tried_again(stop: StopRequest) -> None:
    starts: list[str] = []

    def start() -> Process:
        starts.append("")
        if len(starts) == 2:
            raise BlockingIOError(errno.EAGAIN, "no process left")
        return Fork(sleep_long if len(starts) > 2 else leave_with_seven)

    family = Family()
    family.start("unlucky", start)

    wait_until(lambda: family.tend() and len(starts) == 3, what="the third start")
    family.stop(["unlucky"], stop)


def test_one_that_is_to_run_once_runs_once(stop: StopRequest) -> None:
    family = Family()
    family.start("once", lambda: Fork(leave_with_seven), again=False)
    wait_until(lambda: family.poll("once") == 7, what="its end")

    family.tend()

    assert family.poll("once") == 7
    assert family.deaths("once") == 0
    family.stop(["once", "nobody"], stop)


@pytest.mark.parametrize(
    "run, least_s, most_s", [pytest.param(sleep_long, 0, 0.5, id="obeys"), pytest.param(sleep_deaf, 0.5, 3, id="deaf")]
)
def test_a_stop_is_patient_but_not_for_ever(stop: StopRequest, run: Callable[[], None], least_s: float, most_s: float) -> None:
    family = Family()
    child = family.start("child", lambda: Fork(run))
    wait_until(lambda: os.getsid(child.pid) == child.pid, what="its start")
    time.sleep(0.05)
    began_s = time.monotonic()

    family.stop(["child"], stop, within_s=0.5)

    assert child.poll() is not None
    assert least_s <= time.monotonic() - began_s < most_s


def test_the_second_request_ends_the_patience(stop: StopRequest) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    first = (stop.wait(1), stop.urgent, stop.exit_code)
    os.kill(os.getpid(), signal.SIGTERM)

    assert first == (True, False, 130)
    assert stop.wait(1)
    assert stop.urgent
    assert stop.exit_code == 130


def test_a_wait_ends_early_when_a_child_does(stop: StopRequest) -> None:
    child = Fork(lambda: None)
    began_s = time.monotonic()

    assert not stop.wait(10)
    assert time.monotonic() - began_s < 5
    assert exit_code(child) == 0


@pytest.mark.parametrize(
    "host, reached, url",
    [
        pytest.param("0.0.0.0", "127.0.0.1", "127.0.0.1", id="everywhere"),
        pytest.param("::", "::1", "[::1]", id="everywhere-ipv6"),
        pytest.param("192.0.2.7", "192.0.2.7", "192.0.2.7", id="one-address"),
    ],
)
def test_what_listens_somewhere_is_reached_somewhere(host: str, reached: str, url: str) -> None:
    assert (loopback(host), in_url(loopback(host))) == (reached, url)


def test_a_free_port_is_found_and_a_taken_one_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match="is taken"):
            free_port("127.0.0.1", port)

    assert free_port("127.0.0.1", port) == port
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(UserError, match="--host"):
        free_port(host, 0)


def test_what_does_not_answer_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

    assert not is_ready("127.0.0.1", port)


@pytest.mark.parametrize(
    "start", [pytest.param(lambda: Fork(sleep_long), id="fork"), pytest.param(lambda: spawn(["sleep", "60"], os.environ), id="spawn")]
)
def test_a_signal_at_the_moment_of_birth_is_not_lost(stop: StopRequest, start: Callable[[], Process]) -> None:
    for _ in range(20):
        child = start()
        os.kill(child.pid, signal.SIGTERM)

        assert exit_code(child) == -signal.SIGTERM
