"""The log of deliveries is what fault tests believe: complete, flushed line by line, and free of what people wrote."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from providers.sandbox.deliveries import Attempt, Delivery, DeliveryLog
from providers.sandbox.sender import Credentials, Schedule, Sender
from schemas.clock import utcnow
from tests.providers.scripted_server import ScriptedServer, answering
from tests.providers.sending import AT_ONCE, CUSTOMER, make_body, run


def test_a_cancelled_delivery_stops_trying_and_is_not_logged(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        with DeliveryLog(tmp_path / "log") as log:
            async with Sender(url, schedule=Schedule(gaps_s=(0.2, 0.2)), log=log) as sender:
                tried = asyncio.Event()
                delivery = asyncio.create_task(sender.send(make_body(), on_attempt=lambda _attempt: tried.set()))
                await tried.wait()
                delivery.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await delivery
                await sender.send(make_body(mo_reference_id="AFTER"))

    with ScriptedServer(lambda _number, request: 200 if b"AFTER" in request.body else 500) as server:
        run(work(server.url))

    assert len(server.received) == 2
    assert len((tmp_path / "log").read_bytes().splitlines()) == 1


def test_the_log_holds_ids_statuses_and_times_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.jsonl"
    seen: list[list[dict[str, Any]]] = []

    async def work(url: str) -> None:
        with DeliveryLog(path) as log:
            async with Sender(url, schedule=AT_ONCE, log=log, credentials=Credentials(customer_id=CUSTOMER, api_key=b"key")) as sender:
                for name in ("ONE", "TWO", "THREE"):
                    await sender.send(make_body(mo_reference_id=name))
                    seen.append([orjson.loads(line) for line in path.read_bytes().splitlines()])

    with answering(200, 500, 200, 404) as server:
        run(work(server.url))
    rows = [(row["mo_reference_id"], row["acknowledged"], [attempt["status"] for attempt in row["attempts"]]) for row in seen[-1]]

    assert [len(lines) for lines in seen] == [1, 2, 3]
    assert rows == [("ONE", True, [200]), ("TWO", True, [500, 200]), ("THREE", False, [404, 404, 404])]
    assert {frozenset(row) for row in seen[-1]} == {frozenset({"mo_reference_id", "acknowledged", "attempts"})}
    assert set(seen[-1][0]["attempts"][0]) == {"at", "status", "error", "took_ms"}
    assert path.stat().st_mode & 0o077 == 0


def test_the_log_holds_no_text_number_address_or_signature(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.jsonl"

    async def work(url: str) -> None:
        with DeliveryLog(path) as log:
            async with Sender(url, schedule=AT_ONCE, log=log, credentials=Credentials(customer_id=CUSTOMER, api_key=b"key")) as sender:
                await sender.send(make_body(text="The orchid is by the window."))
                await sender.send(b'{"mo_reference_id": "an orchid where an id should be"}')
                await sender.send(b'["orchid"]')

    with answering(200, 500) as server:
        run(work(server.url))
    log_text = path.read_text()
    signatures = {request.headers["x-ts-authorization"] for request in server.received}

    assert "acknowledged" in log_text
    assert not [word for word in ("orchid", "447700900", "made-up-token", CUSTOMER, *signatures) if word in log_text]


def test_a_second_run_adds_to_the_log(tmp_path: Path) -> None:
    delivery = Delivery(mo_reference_id="ONE", attempts=(Attempt(at=utcnow(), took_ms=1.5, status=200),))
    for _ in range(2):
        with DeliveryLog(tmp_path / "log") as log:
            log.write(delivery)

    assert [orjson.loads(line) for line in (tmp_path / "log").read_bytes().splitlines()] == [delivery.to_dict()] * 2


def test_a_delivery_without_an_attempt_is_not_acknowledged() -> None:
    assert not Delivery(mo_reference_id=None, attempts=()).acknowledged
