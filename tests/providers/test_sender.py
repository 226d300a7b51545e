"""The sender tries as often, waits as long and believes as TeleSign's callback service does."""

import pytest

from providers.sandbox.sender import Schedule, Sender
from tests.providers.scripted_server import Answer, Misbehaviour, answering
from tests.providers.sending import AT_ONCE, IMPATIENT, deliver, make_body, outcomes, run
from tests.support.ports import free_port


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


def test_each_attempt_is_told_as_it_ends() -> None:
    told: list[int | None] = []

    async def work(url: str) -> None:
        async with Sender(url, schedule=AT_ONCE) as sender:
            await sender.send(make_body(), on_attempt=lambda attempt: told.append(attempt.status))

    with answering(500, 503, 200) as server:
        run(work(server.url))

    assert told == [500, 503, 200]
