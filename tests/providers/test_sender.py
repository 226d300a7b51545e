"""The sender tries as often, waits as long, signs and believes as TeleSign's callback service does."""

import asyncio
import base64
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
import pytest

from providers.sandbox.deliveries import Attempt, Delivery, DeliveryLog
from providers.sandbox.sender import Credentials, Schedule, Sender, callback_body, callback_payload, new_mo_reference_id
from schemas.clock import utcnow
from schemas.errors import UserError
from tests.providers.scripted_server import Answer, Misbehaviour, Received, ScriptedServer, always, answering, ids_in
from tests.support.ports import free_port

T = TypeVar("T")
AT_ONCE: Final = Schedule(gaps_s=(0.0, 0.0), timeout_s=5.0)
IMPATIENT: Final = Schedule(gaps_s=(0.0, 0.0), timeout_s=0.3)
CUSTOMER: Final = "FFFFFFFF-EEEE-DDDD-1234-AB1234567890"
SDK_KEY: Final = "EXAMPLE----TE8sTgg45yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw=="
DOCS_KEY: Final = "ABC12345yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/0wV6xfw=="
DOCUMENTED: Final = {
    "submit_timestamp": "2018-02-12T14:57:11.765723",
    "from_phone_number": "15551234",
    "mo_message": "I am standing at the corner wearing a blue shirt",
    "mo_reference_id": "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N",
    "session_reference_id": "B5862A14363C016C8832D53625270015",
    "to_phone_number": "15554567",
}


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


@pytest.mark.parametrize(
    "status, acknowledged",
    [
        pytest.param(200, True, id="200 is the only yes"),
        pytest.param(201, False, id="201"),
        pytest.param(202, False, id="202"),
        pytest.param(203, False, id="203"),
        pytest.param(204, False, id="204"),
        pytest.param(206, False, id="206"),
        pytest.param(299, False, id="299"),
        pytest.param(301, False, id="301 is not followed"),
        pytest.param(302, False, id="302 is not followed"),
        pytest.param(307, False, id="307 is not followed"),
        pytest.param(308, False, id="308 is not followed"),
        pytest.param(400, False, id="400"),
        pytest.param(401, False, id="401"),
        pytest.param(404, False, id="404"),
        pytest.param(413, False, id="413"),
        pytest.param(422, False, id="422"),
        pytest.param(429, False, id="429"),
        pytest.param(500, False, id="500"),
        pytest.param(503, False, id="503"),
    ],
)
def test_only_200_is_an_acknowledgement(status: int, acknowledged: bool) -> None:
    with answering(status) as server:
        delivery = deliver(server.url, make_body())

    assert delivery.acknowledged is acknowledged
    assert outcomes(delivery) == [status] * (1 if acknowledged else 3)
    assert len(server.received) == len(delivery.attempts)


@pytest.mark.parametrize(
    "misbehaviour, error",
    [
        pytest.param(Misbehaviour.HANGS, "TimeoutError", id="silence"),
        pytest.param(Misbehaviour.DRIPS, "TimeoutError", id="an answer that never ends"),
        pytest.param(Misbehaviour.CUTS_INSIDE_THE_ANSWER, "RemoteProtocolError", id="a 200 cut short"),
        pytest.param(Misbehaviour.TALKS_NONSENSE, "RemoteProtocolError", id="not HTTP"),
    ],
)
def test_no_whole_answer_is_a_failure(misbehaviour: Misbehaviour, error: str) -> None:
    with answering(misbehaviour) as server:
        delivery = deliver(server.url, make_body(), schedule=IMPATIENT)

    assert not delivery.acknowledged
    assert outcomes(delivery) == [error] * 3


def test_a_cut_connection_is_a_failure() -> None:
    with answering(Misbehaviour.CUTS_BEFORE_ANSWERING) as server:
        delivery = deliver(server.url, make_body())

    assert not delivery.acknowledged
    assert len(delivery.attempts) == 3
    assert set(outcomes(delivery)) <= {"ReadError", "RemoteProtocolError"}


def test_nobody_listening_is_a_failure() -> None:
    delivery = deliver(f"http://127.0.0.1:{free_port()}/callbacks", make_body())

    assert outcomes(delivery) == ["ConnectError"] * 3


@pytest.mark.parametrize(
    "answers, expected",
    [
        pytest.param((200, 500), [200], id="a yes ends it"),
        pytest.param((500, 200), [500, 200], id="the second attempt"),
        pytest.param((500, 500, 200), [500, 500, 200], id="the third attempt"),
        pytest.param((500, 500, 500, 200), [500, 500, 500], id="there is no fourth attempt"),
        pytest.param((201, 204, 200), [201, 204, 200], id="other successes are failures"),
        pytest.param((Misbehaviour.HANGS, 503, 200), ["TimeoutError", 503, 200], id="after silence"),
        pytest.param((Misbehaviour.CUTS_INSIDE_THE_ANSWER, 200), ["RemoteProtocolError", 200], id="after a cut answer"),
        pytest.param((503, Misbehaviour.HANGS, Misbehaviour.HANGS), [503, "TimeoutError", "TimeoutError"], id="up to the last"),
    ],
)
def test_three_attempts_until_a_yes(answers: tuple[Answer, ...], expected: list[int | str]) -> None:
    with answering(*answers) as server:
        delivery = deliver(server.url, make_body(), schedule=IMPATIENT)

    assert outcomes(delivery) == expected
    assert delivery.acknowledged is (expected[-1] == 200)
    assert len({request.body for request in server.received}) == 1


def test_the_provider_waits_10_and_30_seconds_and_5_for_an_answer() -> None:
    assert Schedule() == Schedule(gaps_s=(10.0, 30.0), timeout_s=5.0)


def test_scaling_shortens_the_gaps_and_not_the_patience() -> None:
    assert Schedule().scaled(0.01) == Schedule(gaps_s=(0.1, 0.3), timeout_s=5.0)


def test_the_gaps_are_waited_out() -> None:
    with answering(500) as server:
        delivery = deliver(server.url, make_body(), schedule=Schedule().scaled(0.01))
    first, second, third = (request.at_s for request in server.received)

    assert second - first >= 0.095
    assert third - second >= 0.295
    assert [later.at > earlier.at for earlier, later in zip(delivery.attempts, delivery.attempts[1:], strict=False)] == [True, True]


@pytest.mark.parametrize(
    "key, body, signature",
    [
        pytest.param(
            base64.b64decode(SDK_KEY),
            b"{'test': 123}",
            "B97g3N9lPdVaptvifxRau7bzVAC5hhRBZ6HKXABN744=",
            id="the SDK's own test",
        ),
        pytest.param(
            b"secret_api_key",
            b'{:ref_id=>"ref_id"}',
            "PJRdTwXX+/+nksJwXkEDLslxkX2rwUyyCHnlGslCsto=",
            id="a receiver in production",
        ),
        pytest.param(
            base64.b64decode(DOCS_KEY),
            callback_body(DOCUMENTED),
            "x6CtXo9Kc8hHd82gmL3a75f1/TEy1O4zBCYjgc/anPQ=",
            id="the documented payload, compact",
        ),
    ],
)
def test_both_headers_carry_the_signature_of_the_bytes(key: bytes, body: bytes, signature: str) -> None:
    with answering(200) as server:
        deliver(server.url, body, credentials=Credentials(customer_id=CUSTOMER, api_key=key))
    (request,) = server.received

    assert request.line == "POST /callbacks/telesign/a-made-up-token HTTP/1.1"
    assert request.body == body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"TSA {CUSTOMER}:{signature}"
    assert request.headers["x-ts-authorization"] == signature


def test_every_attempt_is_signed_alike() -> None:
    with answering(500) as server:
        deliver(server.url, make_body(), credentials=Credentials(customer_id=CUSTOMER, api_key=b"key"))

    assert len({(request.headers["authorization"], request.headers["x-ts-authorization"]) for request in server.received}) == 1


def test_without_credentials_nothing_is_signed() -> None:
    with answering(200) as server:
        deliver(server.url, make_body())
    (request,) = server.received

    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
    assert "x-ts-authorization" not in request.headers


def test_the_key_is_not_printed() -> None:
    assert "hush" not in repr(Credentials(customer_id=CUSTOMER, api_key=b"hush"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{ "b": 1,\n "a" : "\\u00e9" }\n', id="spaces and escapes"),
        pytest.param(b"\xff\x00 not JSON", id="no JSON"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_the_bytes_go_out_unchanged(body: bytes) -> None:
    with answering(200) as server:
        delivery = deliver(server.url, body)

    assert server.received[0].body == body
    assert delivery.mo_reference_id is None


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


def test_thousands_of_messages_are_delivered_each_once() -> None:
    ids = [new_mo_reference_id() for _ in range(2000)]

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


def test_each_attempt_is_told_as_it_ends() -> None:
    told: list[int | None] = []

    async def work(url: str) -> None:
        async with Sender(url, schedule=AT_ONCE) as sender:
            await sender.send(make_body(), on_attempt=lambda attempt: told.append(attempt.status))

    with answering(500, 503, 200) as server:
        run(work(server.url))

    assert told == [500, 503, 200]


def test_the_address_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with answering(500, 200) as server:
        deliver(server.url, make_body())

    assert "made-up-token" not in caplog.text


def test_a_proxy_of_the_environment_does_not_stand_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with ScriptedServer(always(200)) as server:
        delivery = deliver(server.url, make_body())

    assert outcomes(delivery) == [200]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("callbacks/telesign", id="a path"),
        pytest.param("127.0.0.1:8000/callbacks", id="no scheme"),
        pytest.param("ftp://127.0.0.1/callbacks", id="another scheme"),
        pytest.param("http:///callbacks", id="no host"),
        pytest.param("http://127.0.0.1:port/callbacks", id="no port number"),
    ],
)
def test_an_address_that_is_none_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(UserError) as refusal:
        Sender(url)

    assert "callbacks" not in refusal.value.message
