"""Sending callbacks from tests."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from providers.sandbox.deliveries import Delivery
from providers.sandbox.sender import Credentials, Schedule, Sender, callback_body, callback_payload
from schemas.clock import utcnow

T = TypeVar("T")
CUSTOMER: Final = "FFFFFFFF-EEEE-DDDD-1234-AB1234567890"
AT_ONCE: Final = Schedule(gaps_s=(0.0, 0.0), timeout_s=5.0)
IMPATIENT: Final = Schedule(gaps_s=(0.0, 0.0), timeout_s=0.3)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 60))


def make_body(text: str = "The blue gate, please.", mo_reference_id: str | None = None) -> bytes:
    return callback_body(
        callback_payload(
            session_reference_id="0123456789ABCDEF0123456789ABCDEF",
            from_phone_number="447700900111",
            to_phone_number="447700900222",
            text=text,
            submitted_at=utcnow(),
            mo_reference_id=mo_reference_id,
        )
    )


def deliver(url: str, body: bytes, *, schedule: Schedule = AT_ONCE, credentials: Credentials | None = None) -> Delivery:
    async def work() -> Delivery:
        async with Sender(url, schedule=schedule, credentials=credentials) as sender:
            return await sender.send(body)

    return run(work())


def outcomes(delivery: Delivery) -> list[int | str | None]:
    return [attempt.status or attempt.error for attempt in delivery.attempts]
