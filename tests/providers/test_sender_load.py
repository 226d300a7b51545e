"""Many callbacks at once: none lost, none twice, no more at once than allowed, none holding up another."""

import asyncio
from collections import Counter

from providers.sandbox.deliveries import Delivery
from providers.sandbox.sender import Schedule, Sender, new_mo_reference_id
from tests.providers.scripted_server import Answer, Misbehaviour, Received, ScriptedServer, answering, ids_in
from tests.providers.sending import AT_ONCE, make_body, outcomes, run


def test_copies_are_sent_at_once_each_with_its_own_attempts() -> None:
    body = make_body()

    async def work(url: str) -> tuple[Delivery, ...]:
        async with Sender(url, schedule=AT_ONCE) as sender:
            return await sender.send_copies(body, copies=3)

    with answering(200, 200, 500, 200, takes_s=0.1) as server:
        deliveries = run(work(server.url))

    assert server.most_at_once == 3
    assert {request.body for request in server.received} == {body}
    assert sorted(len(delivery.attempts) for delivery in deliveries) == [1, 1, 2]
    assert all(delivery.acknowledged for delivery in deliveries)


def test_a_thousand_messages_are_delivered_each_once() -> None:
    ids = [new_mo_reference_id() for _ in range(1000)]

    async def work(url: str) -> list[Delivery]:
        async with Sender(url, concurrency=16) as sender:
            return [delivery async for delivery in sender.send_all(make_body(mo_reference_id=name) for name in ids)]

    with answering(200) as server:
        deliveries = run(work(server.url))

    assert Counter(ids_in(server.received)) == Counter(ids)
    assert Counter(delivery.mo_reference_id for delivery in deliveries if delivery.acknowledged) == Counter(ids)
    assert server.most_at_once <= 16


def test_no_more_attempts_are_under_way_than_allowed() -> None:
    async def work(url: str) -> None:
        async with Sender(url, concurrency=5) as sender:
            await asyncio.gather(*(sender.send(make_body()) for _ in range(40)))

    with answering(200, takes_s=0.02) as server:
        run(work(server.url))

    assert len(server.received) == 40
    assert server.most_at_once == 5


def test_a_message_waiting_for_its_next_attempt_holds_up_no_other() -> None:
    def first_one_fails_once(number: int, _request: Received) -> Answer:
        return 500 if number == 0 else 200

    async def work(url: str) -> None:
        async with Sender(url, concurrency=1, schedule=Schedule(gaps_s=(0.4, 0.4))) as sender:
            await asyncio.gather(*(sender.send(make_body(mo_reference_id=name)) for name in ("FIRST", "SECOND", "THIRD")))

    with ScriptedServer(first_one_fails_once) as server:
        run(work(server.url))

    assert ids_in(server.received) == ["FIRST", "SECOND", "THIRD", "FIRST"]


def test_attempts_that_time_out_give_their_connections_back() -> None:
    async def work(url: str) -> list[Delivery]:
        async with Sender(url, concurrency=2, schedule=Schedule(gaps_s=(), timeout_s=0.1)) as sender:
            await asyncio.gather(*(sender.send(make_body()) for _ in range(10)))
            return await asyncio.gather(*(sender.send(make_body()) for _ in range(4)))

    with answering(*[Misbehaviour.HANGS] * 10, 200) as server:
        deliveries = run(work(server.url))

    assert [outcomes(delivery) for delivery in deliveries] == [[200]] * 4


def test_closing_the_stream_of_deliveries_cancels_the_rest() -> None:
    async def work(url: str) -> None:
        async with Sender(url, concurrency=2) as sender:
            deliveries = sender.send_all(make_body() for _ in range(500))
            async for _delivery in deliveries:
                break
            await deliveries.aclose()  # type: ignore[attr-defined]

    with answering(200, takes_s=0.01) as server:
        run(work(server.url))

    assert 1 <= len(server.received) < 20
