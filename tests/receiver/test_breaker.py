"""The circuit breaker as a table of what happens to a store, and when it is used and probed again."""

from collections.abc import Callable

import pytest

from receiver.breaker import FIRST_COOLDOWN_S, LONGEST_COOLDOWN_S, Breaker, BreakerState

Event = Callable[[Breaker], None]


def proven(breaker: Breaker) -> None:
    breaker.proven()


def took(breaker: Breaker) -> None:
    breaker.succeeded()


def failed_at(now_s: float) -> Event:
    return lambda breaker: breaker.failed(now_s)


@pytest.mark.parametrize(
    "events, state, lets_through",
    [
        pytest.param([], BreakerState.OPEN, False, id="at first"),
        pytest.param([proven], BreakerState.HALF_OPEN, True, id="proven"),
        pytest.param([proven, took], BreakerState.CLOSED, True, id="proven and tried"),
        pytest.param([proven, took, took], BreakerState.CLOSED, True, id="in use"),
        pytest.param([proven, took, proven], BreakerState.CLOSED, True, id="proven again while in use"),
        pytest.param([proven, took, failed_at(0)], BreakerState.OPEN, False, id="failed in use"),
        pytest.param([proven, failed_at(0)], BreakerState.OPEN, False, id="failed when it was tried"),
        pytest.param([failed_at(0)], BreakerState.OPEN, False, id="not proven"),
        pytest.param([proven, took, failed_at(0), proven], BreakerState.HALF_OPEN, True, id="back"),
        pytest.param([proven, took, failed_at(0), proven, took], BreakerState.CLOSED, True, id="back and tried"),
    ],
)
def test_a_store_is_used_once_it_is_proven_and_until_it_fails(events: list[Event], state: BreakerState, *, lets_through: bool) -> None:
    breaker = Breaker()
    for event in events:
        event(breaker)

    assert (breaker.state, breaker.lets_through) == (state, lets_through)


@pytest.mark.parametrize(
    "events, probed_from_s",
    [
        pytest.param([], 0.0, id="at once at first"),
        pytest.param([failed_at(10)], 10 + FIRST_COOLDOWN_S, id="after a failure"),
        pytest.param([failed_at(10), failed_at(20)], 20 + 2 * FIRST_COOLDOWN_S, id="twice as late after the second"),
        pytest.param([failed_at(10)] * 3 + [failed_at(20)], 20 + 8 * FIRST_COOLDOWN_S, id="and so on"),
        pytest.param([failed_at(10)] * 20, 10 + LONGEST_COOLDOWN_S, id="up to a limit"),
        pytest.param([failed_at(10)] * 20 + [proven, took, failed_at(30)], 30 + FIRST_COOLDOWN_S, id="anew after a success"),
        pytest.param([failed_at(10)] * 2 + [proven, failed_at(30)], 30 + 4 * FIRST_COOLDOWN_S, id="not anew after a proof alone"),
    ],
)
def test_each_failure_in_a_row_is_left_alone_for_longer(events: list[Event], probed_from_s: float) -> None:
    breaker = Breaker()
    for event in events:
        event(breaker)

    assert breaker.may_probe(probed_from_s)
    assert not breaker.may_probe(probed_from_s - 0.001) or probed_from_s == 0


@pytest.mark.parametrize("events", [[proven], [proven, took]], ids=["half open", "closed"])
def test_a_store_that_is_used_is_not_probed(events: list[Event]) -> None:
    breaker = Breaker()
    for event in events:
        event(breaker)

    assert not breaker.may_probe(1e9)
