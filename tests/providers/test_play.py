"""Conversations are played over HTTP in sessions of their own: each in order, several side by side, and stopped when asked."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence

import pytest

from providers.sandbox.conversations import ScriptedConversation, ScriptedMessage, load_conversations
from providers.sandbox.deliveries import Delivery
from providers.sandbox.play import fictional_numbers, play
from providers.sandbox.sender import Credentials, Schedule, Sender
from schemas.signatures import is_signed_by_any
from tests.providers.scripted_server import Answer, Received, ScriptedServer, answering

KEY = b"a made-up key"


def make_conversation(name: str, messages: int = 4, *, pace: float = 1.0) -> ScriptedConversation:
    return ScriptedConversation(
        name=name,
        language="en",
        parties=("driver", "rider"),
        messages=tuple(ScriptedMessage(party=number % 2, text=f"{name} {number}") for number in range(messages)),
        category=None,
        pace=pace,
    )


def play_to(
    server: ScriptedServer, conversations: Sequence[ScriptedConversation], *, at_once: int = 4, seconds_between_messages: float = 0.0
) -> list[Delivery]:
    deliveries: list[Delivery] = []

    async def work() -> None:
        credentials = Credentials(customer_id="CUSTOMER", api_key=KEY)
        async with Sender(server.url, schedule=Schedule(gaps_s=(0.0, 0.0)), credentials=credentials) as sender:
            await play(
                conversations,
                sender=sender,
                at_once=at_once,
                seconds_between_messages=seconds_between_messages,
                on_delivery=deliveries.append,
                chance=random.Random(7),
            )

    asyncio.run(asyncio.wait_for(work(), 60))
    return deliveries


def sessions(received: Sequence[Received]) -> dict[str, list[Received]]:
    """The requests of each session, in the order in which they came."""
    found: dict[str, list[Received]] = {}
    for request in received:
        found.setdefault(request.document["session_reference_id"], []).append(request)
    return found


def texts(received: Sequence[Received]) -> list[str]:
    return [request.document["mo_message"] for request in received]


def test_the_shipped_conversations_are_played_whole_and_in_order() -> None:
    conversations = load_conversations()
    with answering(200) as server:
        deliveries = play_to(server, conversations, at_once=8)
    played = sorted(texts(requests) for requests in sessions(server.received).values())

    assert played == sorted([message.text for message in conversation.messages] for conversation in conversations)
    assert len(deliveries) == len(server.received)
    assert all(delivery.acknowledged for delivery in deliveries)


def test_order_holds_when_deliveries_fail_and_are_tried_again() -> None:
    luck = random.Random(11)

    def often_fails(_number: int, _request: Received) -> Answer:
        return luck.choice((200, 500, 503))

    conversations = [make_conversation(f"talk {number}") for number in range(12)]
    with ScriptedServer(often_fails) as server:
        deliveries = play_to(server, conversations)
    orders = sorted(list(dict.fromkeys(texts(requests))) for requests in sessions(server.received).values())

    assert orders == sorted([message.text for message in conversation.messages] for conversation in conversations)
    assert len(deliveries) == 48
    assert {len(delivery.attempts) for delivery in deliveries} == {1, 2, 3}


def test_a_message_that_is_given_up_does_not_stop_its_conversation() -> None:
    with answering(500) as server:
        deliveries = play_to(server, [make_conversation("talk", 2)])

    assert texts(server.received) == ["talk 0"] * 3 + ["talk 1"] * 3
    assert [delivery.acknowledged for delivery in deliveries] == [False, False]


def test_several_conversations_are_interleaved() -> None:
    with answering(200) as server:
        play_to(server, [make_conversation(f"talk {number}") for number in range(3)], at_once=3, seconds_between_messages=0.05)
    first_of_all = [request.document["session_reference_id"] for request in server.received[:5]]

    assert len(set(first_of_all)) == 3


def test_one_at_a_time_means_one_after_another() -> None:
    with answering(200) as server:
        play_to(server, [make_conversation(f"talk {number}") for number in range(3)], at_once=1)
    order = [request.document["session_reference_id"] for request in server.received]

    assert list(Counter(order).values()) == [4, 4, 4]
    assert order == sorted(order, key=order.index)


def test_each_conversation_has_a_session_and_two_numbers_of_its_own() -> None:
    with answering(200) as server:
        play_to(server, [make_conversation("talk"), make_conversation("talk")])
    played = sessions(server.received)

    assert len(played) == 2
    for requests in played.values():
        pairs = [(request.document["from_phone_number"], request.document["to_phone_number"]) for request in requests]
        assert pairs[0] == pairs[2] == (pairs[1][1], pairs[1][0])
        assert pairs[0][0] != pairs[0][1]
    assert len({request.document["mo_reference_id"] for request in server.received}) == 8


def test_what_is_played_is_signed() -> None:
    with answering(200) as server:
        play_to(server, [make_conversation("talk")])

    assert all(is_signed_by_any(request.headers["x-ts-authorization"], request.body, [KEY]) for request in server.received)


def test_the_pause_lies_between_the_messages_of_a_conversation() -> None:
    with answering(200) as server:
        play_to(server, [make_conversation("slow", 3), make_conversation("quick", 3, pace=0.0)], at_once=2, seconds_between_messages=0.2)
    took_s = {}
    for requests in sessions(server.received).values():
        took_s[texts(requests)[0].split()[0]] = requests[-1].at_s - requests[0].at_s

    assert took_s["slow"] >= 0.395
    assert took_s["quick"] < took_s["slow"]


def test_stopping_sends_nothing_more() -> None:
    async def work(url: str) -> int:
        played = asyncio.Event()
        async with Sender(url) as sender:
            conversations = [make_conversation(f"talk {number}") for number in range(50)]
            playing = asyncio.create_task(
                play(conversations, sender=sender, seconds_between_messages=0.01, on_delivery=lambda _delivery: played.set())
            )
            await played.wait()
            playing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await playing
            stopped_after = len(server.received)
            await asyncio.sleep(0.1)
        return stopped_after

    with answering(200) as server:
        stopped_after = asyncio.run(asyncio.wait_for(work(server.url), 60))

    assert len(server.received) == stopped_after < 200


@pytest.mark.parametrize(
    "language, shape",
    [
        pytest.param("en", r"447700900\d{3}", id="Ofcom's range"),
        pytest.param("fr", r"3363998\d{4}", id="Arcep's range"),
        pytest.param("de", r"4917139200\d{2}", id="Bundesnetzagentur's range"),
        pytest.param("es", r"130555501\d{2}", id="Spanish borrows"),
        pytest.param("pt", r"130555501\d{2}", id="Portuguese borrows"),
    ],
)
def test_nobody_has_the_numbers(language: str, shape: str) -> None:
    chance = random.Random(3)
    pairs = [fictional_numbers(language, chance) for _ in range(200)]

    assert all(first != second for first, second in pairs)
    assert all(re.fullmatch(shape, number) for pair in pairs for number in pair)
