"""Traffic as a worker meets it: many conversations side by side, so that one batch holds messages of many of them."""

import itertools
import random
from collections.abc import Iterator
from typing import Final

from providers.sandbox.conversations import ScriptedConversation, load_conversations
from providers.sandbox.play import fictional_numbers
from providers.sandbox.sender import callback_body, callback_payload, new_session_reference_id
from schemas.clock import utcnow

_SIDE_BY_SIDE: Final = 64


def traffic() -> Iterator[bytes]:
    """Bodies without end: the sandbox's conversations again and again, each time in a session of its own."""
    chance = random.Random(1)
    scripts = itertools.cycle(load_conversations())
    seats = [_bodies_of(next(scripts), chance) for _ in range(_SIDE_BY_SIDE)]
    for seat in itertools.cycle(range(_SIDE_BY_SIDE)):
        body = next(seats[seat], None)
        if body is None:
            seats[seat] = _bodies_of(next(scripts), chance)
            body = next(seats[seat])
        yield body


def _bodies_of(conversation: ScriptedConversation, chance: random.Random) -> Iterator[bytes]:
    session_reference_id = new_session_reference_id()
    numbers = fictional_numbers(conversation.language, chance)
    for message in conversation.messages:
        payload = callback_payload(
            session_reference_id=session_reference_id,
            from_phone_number=numbers[message.party],
            to_phone_number=numbers[1 - message.party],
            text=message.text,
            submitted_at=utcnow(),
        )
        yield callback_body(payload)
