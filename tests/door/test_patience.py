"""How long the door waits for those who are slow, and that they keep nobody else waiting."""

import contextlib
import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.door.conftest import OpenDoor
from tests.door.door import Door
from tests.door.wire import Connection, connected, head, request
from tests.support.callbacks import callback_body

LIMIT_S = 10.0
IDLE = 1_000


def drip(connection: Connection, data: bytes, until: Callable[[], bool]) -> None:
    """Send a byte now and then, so that no time-out between bytes would notice."""
    for byte in data:
        if until():
            return
        connection.send(bytes([byte]))
        time.sleep(0.5)


def test_the_slow_are_sent_away_after_ten_seconds(door: Door) -> None:
    """One test for every way to be slow, because each takes as long as the limit itself."""
    body = callback_body()
    started_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        silent, line, half_head, half_body, after_404, blank = (stack.enter_context(connected(door.port, within_s=20)) for _ in range(6))
        dripping = stack.enter_context(connected(door.port, within_s=20))
        line.send(b"POST / HTTP/1.1\r\n")
        half_head.send(head(door.path, f"Content-Length: {len(body)}")[:-2])
        half_body.send(request(door.path, body)[:-1])
        after_404.send(head("/nowhere", "Content-Length: 100000"))
        assert after_404.response().status == 404
        after_404.send(b"x")
        blank.send(request("/nowhere", b""))
        assert blank.response().status == 404
        blank.send(b"\r\n")
        dripping.send(head(door.path, f"Content-Length: {len(body)}"))
        drip(dripping, body, lambda: time.monotonic() - started_s > LIMIT_S - 1)

        for connection in (half_body, dripping):
            response = connection.response()
            assert (response.status, response.document["code"], response.headers["connection"]) == (408, "body_timeout", "close")
        assert all(connection.is_closed() for connection in (silent, line, half_head, half_body, after_404, dripping, blank))
        assert LIMIT_S - 0.5 < time.monotonic() - started_s < LIMIT_S + 5
    assert door.kept() == []


def test_a_thousand_idle_connections_keep_no_message_waiting(door: Door) -> None:
    *bodies, last = [callback_body() for _ in range(51)]
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(door.port)) for _ in range(IDLE)]
        for connection in idle[::2]:
            connection.send(b"POST /callbacks/telesign/ HTTP/1.1\r\nHost: x")

        statuses = [door.post(body).status for body in bodies]

        assert statuses == [200] * len(bodies)
        idle[1].send(request(door.path, last))
        assert idle[1].response().status == 200
    assert sorted(door.kept_bodies()) == sorted([*bodies, last])


@pytest.mark.parametrize("sent", [b"", b"POST / HT", None], ids=["nothing", "half a head", "half a body"])
def test_who_is_still_sending_does_not_delay_the_end(doors: OpenDoor, sent: bytes | None) -> None:
    door = doors(CROSSLINE_MAX_PENDING=str(1000 + len(sent) if sent is not None else 999))
    with connected(door.port) as connection:
        connection.send(request(door.path, callback_body())[:-5] if sent is None else sent)
        assert door.post(callback_body()).status == 200
        started_s = time.monotonic()

        os.kill(door.process.pid, signal.SIGTERM)
        if sent is None:
            response = connection.response()

            assert (response.status, response.document["code"], response.headers["retry-after"]) == (503, "shutting_down", "5")
        assert connection.is_closed()
        assert door.process.wait() in (0, -signal.SIGTERM)
    assert time.monotonic() - started_s < 5
