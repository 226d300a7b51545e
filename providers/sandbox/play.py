"""Plays conversations as if people were texting: message after message, at a human pace, each one a callback sent over HTTP."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Final

from providers.sandbox.conversations import ScriptedConversation
from providers.sandbox.deliveries import Delivery
from providers.sandbox.sender import Sender, callback_body, callback_payload, new_session_reference_id
from schemas.clock import utcnow

# Kept for fiction by those who hand out numbers, so that nobody's telephone rings: prefix, and how many digits may follow.
_FICTIONAL: Final = {
    "de": ("4917139200", 2, range(100)),
    "en": ("447700900", 3, range(1000)),
    "fr": ("3363998", 4, range(10_000)),
}
_FICTIONAL_ELSEWHERE: Final = ("1305555", 4, range(100, 200))


async def play(
    conversations: Iterable[ScriptedConversation],
    *,
    sender: Sender,
    seconds_between_messages: float = 2.0,
    at_once: int = 4,
    on_delivery: Callable[[Delivery], None] | None = None,
    chance: random.Random | None = None,
) -> None:
    """Play each conversation once, in a session of its own between two fictional numbers; `at_once` of them are interleaved.

    Within a conversation a message is sent when the one before has been delivered or given up, and `seconds_between_messages` times
    the conversation's pace have passed. `chance` shuffles the conversations and draws the numbers. When cancelled, nothing more is sent.
    """
    chance = chance or random.Random()  # noqa: S311  numbers and order of a demonstration, no secret
    shuffled = list(conversations)
    chance.shuffle(shuffled)
    waiting = iter(shuffled)

    async def one_after_another(seat: int) -> None:
        await asyncio.sleep(seconds_between_messages * seat / at_once)
        for conversation in waiting:
            pause_s = seconds_between_messages * conversation.pace
            await _play_one(conversation, fictional_numbers(conversation.language, chance), sender, pause_s, on_delivery)
            await asyncio.sleep(seconds_between_messages)

    async with asyncio.TaskGroup() as group:
        for seat in range(at_once):
            group.create_task(one_after_another(seat))


def fictional_numbers(language: str, chance: random.Random) -> tuple[str, str]:
    """Two different phone numbers that nobody has, with country code, from where the language is spoken if it keeps some for fiction."""
    prefix, digits, lines = _FICTIONAL.get(language, _FICTIONAL_ELSEWHERE)
    first, second = chance.sample(lines, 2)
    return f"{prefix}{first:0{digits}}", f"{prefix}{second:0{digits}}"


async def _play_one(
    conversation: ScriptedConversation,
    numbers: tuple[str, str],
    sender: Sender,
    pause_s: float,
    on_delivery: Callable[[Delivery], None] | None,
) -> None:
    session_reference_id = new_session_reference_id()
    for position, message in enumerate(conversation.messages):
        if position:
            await asyncio.sleep(pause_s)
        payload = callback_payload(
            session_reference_id=session_reference_id,
            from_phone_number=numbers[message.party],
            to_phone_number=numbers[1 - message.party],
            text=message.text,
            submitted_at=utcnow(),
        )
        delivery = await sender.send(callback_body(payload))
        if on_delivery is not None:
            on_delivery(delivery)
