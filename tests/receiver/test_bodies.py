"""How much of a body is read, for how long, and what is done with the rest."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest
from starlette.types import Message, Receive

from receiver.bodies import MOST_BYTES, BodyReader, BodyRefused, ClientGone, drain
from schemas.errors import BodyTimeout, BodyTooLarge

GONE: Message = {"type": "http.disconnect"}


def part(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


def client(*messages: Message) -> tuple[Receive, Callable[[], int]]:
    """A client that sends these messages and then nothing, and how many of them were taken."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive, lambda: len(messages) - len(left)


def read(messages: Iterable[Message], *, content_length: int | None = None, timeout_s: float = 5.0) -> bytes:
    receive, _ = client(*messages)
    return run(BodyReader(timeout_s=timeout_s).read(receive, content_length=content_length))


def run(coroutine: Coroutine[Any, Any, bytes]) -> bytes:
    return asyncio.run(coroutine)


@pytest.mark.parametrize(
    "messages, body",
    [
        pytest.param([part(b"whole")], b"whole", id="in one part"),
        pytest.param([part(b"")], b"", id="empty"),
        pytest.param([part(b"in ", more=True), part(b"", more=True), part(b"parts")], b"in parts", id="in parts, one empty"),
        pytest.param([part(b"ended", more=True), part(b"")], b"ended", id="ended by an empty part"),
        pytest.param([{"type": "http.request"}], b"", id="a message that names neither body nor more"),
        pytest.param([part(b"x" * MOST_BYTES)], b"x" * MOST_BYTES, id="as large as it may be"),
        pytest.param([part(b"x" * 200_000, more=True), part(b"x" * 62_144)], b"x" * MOST_BYTES, id="as large as it may be, in parts"),
    ],
)
def test_a_body_is_read_whole(messages: list[Message], body: bytes) -> None:
    assert read(messages) == body


@pytest.mark.parametrize(
    "messages, before",
    [
        pytest.param([part(b"x" * (MOST_BYTES + 1))], 0, id="in one part"),
        pytest.param([part(b"x" * 200_000, more=True), part(b"x" * 62_145)], 200_000, id="in the last part"),
        pytest.param([part(b"x" * MOST_BYTES, more=True), part(b"x", more=True)], MOST_BYTES, id="before its end"),
    ],
)
def test_one_byte_more_than_allowed_is_refused_with_what_was_read(messages: list[Message], before: int) -> None:
    with pytest.raises(BodyRefused) as refused:
        read(messages)

    assert isinstance(refused.value.why, BodyTooLarge)
    assert len(refused.value.read) == before


def test_too_much_announced_is_refused_before_anything_is_read() -> None:
    receive, taken = client(part(b"x"))

    with pytest.raises(BodyRefused):
        run(BodyReader().read(receive, content_length=MOST_BYTES + 1))

    assert taken() == 0


def test_exactly_as_much_as_allowed_may_be_announced() -> None:
    assert read([part(b"x")], content_length=MOST_BYTES) == b"x"


@pytest.mark.parametrize(
    "messages",
    [pytest.param([GONE], id="at once"), pytest.param([part(b"half", more=True), GONE], id="half way")],
)
def test_a_client_that_goes_away_is_answered_by_nobody(messages: list[Message]) -> None:
    with pytest.raises(ClientGone):
        read(messages)


def test_a_body_that_does_not_end_in_time_is_refused_with_what_was_read() -> None:
    with pytest.raises(BodyRefused) as refused:
        read([part(b"half", more=True)], timeout_s=0.02)

    assert isinstance(refused.value.why, BodyTimeout)
    assert refused.value.read == b"half"


def test_each_body_has_its_own_time() -> None:
    async def two() -> list[Any]:
        reader = BodyReader(timeout_s=0.2)
        slow, _ = client(part(b"slow", more=True))
        first = asyncio.create_task(reader.read(slow, content_length=None))
        await asyncio.sleep(0.1)
        slower, _ = client(part(b"slower", more=True))
        second = asyncio.create_task(reader.read(slower, content_length=None))
        quick, _ = client(part(b"quick"))
        third = asyncio.create_task(reader.read(quick, content_length=None))
        ends: list[str] = []
        first.add_done_callback(lambda _: ends.append("first"))
        second.add_done_callback(lambda _: ends.append("second"))
        results = await asyncio.gather(first, second, third, return_exceptions=True)
        return [ends, *results]

    ends, first, second, third = asyncio.run(two())

    assert ends == ["first", "second"]
    assert (first.read, second.read, third) == (b"slow", b"slower", b"quick")


def test_a_task_that_is_cancelled_from_outside_is_cancelled() -> None:
    async def cancelled() -> bool:
        receive, _ = client()
        task = asyncio.create_task(BodyReader(timeout_s=60).read(receive, content_length=None))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(cancelled())


@pytest.mark.parametrize(
    "messages, taken",
    [
        pytest.param([part(b"x", more=True), part(b"x"), part(b"never")], 2, id="to the end of the body"),
        pytest.param([part(b"x", more=True), GONE, part(b"never")], 2, id="until the client goes"),
        pytest.param([part(b"x" * 8_388_608, more=True), part(b"never")], 1, id="up to a limit"),
    ],
)
def test_what_a_refused_client_still_sends_is_drained(messages: list[Message], taken: int) -> None:
    receive, count = client(*messages)

    asyncio.run(drain(receive))

    assert count() == taken


def test_draining_ends_when_the_client_sends_nothing() -> None:
    receive, count = client(part(b"x", more=True))

    asyncio.run(drain(receive))

    assert count() == 1
