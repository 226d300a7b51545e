"""What `/metrics` shows, to whom, and that it is right with several processes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from schemas import keys
from schemas.metrics import CONFLICTS, TRANSCRIPT_SECONDS
from schemas.workstats import counter_field, histogram_fields
from tests.door.conftest import OpenDoor
from tests.door.door import Door
from tests.door.wire import Response, request
from tests.support.callbacks import callback_body
from tests.support.polling import wait_until

TOKEN = "a-token-for-the-scraper"
FROM_ELSEWHERE = "X-Forwarded-For: 198.51.100.1"


def scrape(door: Door, *headers: str) -> Response:
    return door.send(request("/metrics", b"", *headers, method="GET"))[0]


@contextmanager
def counted(door: Door, name: str) -> Iterator[list[float]]:
    """How much a counter grew in the block."""
    growth: list[float] = []
    before = door.count(name)
    yield growth
    growth.append(door.count(name) - before)


@pytest.mark.parametrize(
    "send, name",
    [
        pytest.param(lambda door: door.post(callback_body()), 'crossline_callbacks_accepted_total{store="redis"}', id="accepted"),
        pytest.param(lambda door: door.post(callback_body()), "crossline_ack_seconds_count", id="how long it took"),
        pytest.param(lambda door: door.post(callback_body()), "crossline_batch_size_count", id="a batch"),
        pytest.param(lambda door: door.post(b"?"), 'crossline_callbacks_quarantined_total{code="malformed_callback"}', id="quarantined"),
        pytest.param(lambda door: door.post(b"?"), 'crossline_callbacks_refused_total{code="malformed_callback"}', id="refused"),
        pytest.param(
            lambda door: door.send(request(door.path + "x", b"")), 'crossline_callbacks_refused_total{code="not_found"}', id="a wrong token"
        ),
        pytest.param(
            lambda door: door.send(request("/nowhere", b"")), 'crossline_callbacks_refused_total{code="not_found"}', id="a wrong path"
        ),
        pytest.param(
            lambda door: door.send(request(door.path, b"", method="PUT")),
            'crossline_callbacks_refused_total{code="method_not_allowed"}',
            id="another method",
        ),
    ],
)
def test_each_answer_is_counted_once(door: Door, send: "object", name: str) -> None:
    assert callable(send)
    with counted(door, name) as growth:
        send(door)

    assert growth == [1.0]


def test_what_waits_is_read_from_the_stores(door: Door) -> None:
    for _ in range(3):
        door.post(callback_body())

    assert door.count('crossline_waiting_messages{store="redis"}') == 3
    assert door.count('crossline_waiting_messages{store="database"}') == 0
    assert wait_until(lambda: door.count('crossline_oldest_waiting_seconds{store="redis"}')) > 0
    assert door.count('crossline_store_proven{store="redis"}') == 1
    assert door.count('crossline_store_proven{store="database"}') == 1


def test_what_workers_published_is_shown(door: Door) -> None:
    fields = {counter_field(CONFLICTS): 2.0} | histogram_fields(TRANSCRIPT_SECONDS, 0.02, 0.7, 1000.0)
    with door.valkey.client() as client:
        client.hset(keys.WORK_STATS, mapping={name: str(value) for name, value in fields.items()})

    assert door.count("crossline_conflicts_total") == 2
    buckets = [door.count(f'crossline_callback_to_transcript_seconds_bucket{{le="{bound}"}}') for bound in ("0.01", "0.025", "1.0", "+Inf")]
    assert buckets == [0, 1, 2, 3]
    assert door.count("crossline_callback_to_transcript_seconds_count") == 3
    assert door.count("crossline_callback_to_transcript_seconds_sum") == pytest.approx(1000.72)


@pytest.mark.parametrize(
    "headers, status",
    [
        pytest.param([], 200, id="this machine"),
        pytest.param([f"Authorization: Bearer {TOKEN}"], 200, id="this machine, with the token"),
        pytest.param([FROM_ELSEWHERE, f"Authorization: Bearer {TOKEN}"], 200, id="elsewhere, with the token"),
        pytest.param([FROM_ELSEWHERE, f"authorization: bearer  {TOKEN} "], 200, id="elsewhere, spelled otherwise"),
        pytest.param([FROM_ELSEWHERE], 401, id="elsewhere"),
        pytest.param([FROM_ELSEWHERE, "Authorization: Bearer wrong"], 401, id="elsewhere, with a wrong token"),
        pytest.param([FROM_ELSEWHERE, f"Authorization: Bearer {TOKEN}x"], 401, id="elsewhere, with more than the token"),
        pytest.param([FROM_ELSEWHERE, f"Authorization: Basic {TOKEN}"], 401, id="elsewhere, in another scheme"),
        pytest.param([FROM_ELSEWHERE, "Authorization: Bearer \xe9"], 401, id="elsewhere, with no ASCII"),
        pytest.param(["X-Forwarded-For: 127.0.0.1"], 401, id="pretending to be this machine"),
        pytest.param(["Forwarded: for=127.0.0.1"], 401, id="pretending in another header"),
    ],
)
def test_the_token_opens_the_metrics_to_others(doors: OpenDoor, headers: list[str], status: int) -> None:
    response = scrape(doors(CROSSLINE_METRICS_TOKEN=TOKEN), *headers)

    assert response.status == status
    assert response.headers.get("www-authenticate") == (None if status == 200 else "Bearer")


def test_without_a_token_there_are_no_metrics_for_others(door: Door) -> None:
    nowhere = door.send(request("/nowhere", b"", method="GET"))[0]

    assert scrape(door, FROM_ELSEWHERE).undated == nowhere.undated


def test_several_processes_are_counted_together(doors: OpenDoor) -> None:
    door = doors(WEB_CONCURRENCY="2")
    name = 'crossline_callbacks_accepted_total{store="redis"}'
    before = door.count(name)
    for _ in range(20):
        assert door.post(callback_body()).status == 200

    assert [door.count(name) for _ in range(6)] == [before + 20] * 6
    assert door.count("crossline_ack_seconds_count") == before + 20


def test_no_metric_holds_what_was_sent(door: Door) -> None:
    door.post(callback_body(mo_message="the text of a stranger", from_phone_number="15550107777"))
    door.post(b"the text of a stranger")

    shown = scrape(door).body.decode()
    assert "stranger" not in shown
    assert "7777" not in shown
    assert door.path.rpartition("/")[2] not in shown
