"""Which store takes a batch: the preferred one while it is proven and works, else the other, else none."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from receiver.breaker import BreakerState
from receiver.stores import LOOK_EVERY_S, Candidate, Stores, preferred
from schemas.errors import NoStoreAccepts, StoreFull, StoreTimeout, StoreUnreachable
from schemas.settings import AckStore
from store.durability import Proof
from store.inbox.batches import StoreName
from tests.support.batches import make_batch
from tests.support.candidates import NOT_PROVEN, PROVEN, ScriptedStore

REDIS, DATABASE = StoreName.REDIS, StoreName.DATABASE
Failures = list[tuple[StoreName, str]]


def run(stores: list[ScriptedStore], use: Callable[[Stores, Failures], Awaitable[None]]) -> None:
    """Use the stores, in this order of preference, while they are watched."""

    async def running() -> None:
        failures: Failures = []
        chosen = Stores([store.candidate() for store in stores], failed=lambda name, code: failures.append((name, code)))
        async with chosen.running():
            await use(chosen, failures)

    asyncio.run(running())


async def until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  what is waited for knows nothing of events
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "redis, database, taken_by, failures",
    [
        pytest.param((None, PROVEN), (None, PROVEN), REDIS, [], id="the preferred one"),
        pytest.param((None, NOT_PROVEN), (None, PROVEN), DATABASE, [], id="not proven"),
        pytest.param((None, StoreUnreachable()), (None, PROVEN), DATABASE, [], id="its proof fails"),
        pytest.param((None, RuntimeError()), (None, PROVEN), DATABASE, [], id="its proof fails in a way nobody foresaw"),
        pytest.param((StoreUnreachable(), PROVEN), (None, PROVEN), DATABASE, [(REDIS, "store_unreachable")], id="down"),
        pytest.param((StoreTimeout(), PROVEN), (None, PROVEN), DATABASE, [(REDIS, "store_timeout")], id="too slow"),
        pytest.param((StoreFull(), PROVEN), (None, PROVEN), DATABASE, [(REDIS, "store_full")], id="full"),
        pytest.param((RuntimeError(), PROVEN), (None, PROVEN), DATABASE, [(REDIS, "store_unreachable")], id="a fault nobody foresaw"),
        pytest.param((None, PROVEN), (StoreUnreachable(), NOT_PROVEN), REDIS, [], id="the other one does not matter"),
        pytest.param((StoreFull(), PROVEN), (None, NOT_PROVEN), None, [(REDIS, "store_full")], id="full, and the other not proven"),
        pytest.param((None, NOT_PROVEN), (None, NOT_PROVEN), None, [], id="none is proven"),
        pytest.param(
            (StoreTimeout(), PROVEN),
            (StoreFull(), PROVEN),
            None,
            [(REDIS, "store_timeout"), (DATABASE, "store_full")],
            id="neither takes it",
        ),
    ],
)
def test_the_preferred_store_takes_a_batch_else_the_other_else_none(
    redis: tuple[Exception | None, Proof | Exception],
    database: tuple[Exception | None, Proof | Exception],
    taken_by: StoreName | None,
    failures: Failures,
) -> None:
    first, second = ScriptedStore(REDIS, [redis[0]], [redis[1]]), ScriptedStore(DATABASE, [database[0]], [database[1]])
    batch = make_batch()

    async def use(stores: Stores, failed: Failures) -> None:
        if taken_by is None:
            with pytest.raises(NoStoreAccepts):
                await stores.accept(batch)
        else:
            assert (await stores.accept(batch))[0] is taken_by
        assert failed == failures

    run([first, second], use)

    assert [store.taken for store in (first, second)] == [[batch] if name is taken_by else [] for name in (REDIS, DATABASE)]


@pytest.mark.parametrize(
    "ack, order", [(AckStore.AUTO, (REDIS, DATABASE)), (AckStore.REDIS, (REDIS,)), (AckStore.DATABASE, (DATABASE,))], ids=str
)
def test_the_settings_force_a_store_or_leave_the_choice(ack: AckStore, order: tuple[StoreName, ...]) -> None:
    assert preferred(ack) == order


def test_a_forced_store_that_fails_has_no_other() -> None:
    async def use(stores: Stores, _failed: Failures) -> None:
        with pytest.raises(NoStoreAccepts):
            await stores.accept(make_batch())

    run([ScriptedStore(REDIS, [StoreUnreachable()])], use)


def test_a_full_store_is_asked_again_at_once() -> None:
    redis, database = ScriptedStore(REDIS, [StoreFull()]), ScriptedStore(DATABASE)

    async def use(stores: Stores, _failed: Failures) -> None:
        assert [(await stores.accept(make_batch()))[0] for _ in range(2)] == [DATABASE, REDIS]
        assert stores.candidates[0].breaker.state is BreakerState.CLOSED

    run([redis, database], use)


def test_a_store_that_failed_is_left_alone_until_it_is_proven_again() -> None:
    redis, database = ScriptedStore(REDIS, [None, StoreTimeout()]), ScriptedStore(DATABASE)

    async def use(stores: Stores, _failed: Failures) -> None:
        took = [(await stores.accept(make_batch()))[0] for _ in range(4)]
        assert took == [REDIS, DATABASE, DATABASE, DATABASE]
        assert redis.proof_count == 1
        await until(lambda: stores.candidates[0].accepts)
        assert redis.proof_count == 2
        states = [stores.candidates[0].breaker.state]
        assert (await stores.accept(make_batch()))[0] is REDIS
        states.append(stores.candidates[0].breaker.state)
        assert states == [BreakerState.HALF_OPEN, BreakerState.CLOSED]

    run([redis, database], use)


def test_a_store_that_came_back_with_other_settings_is_not_used() -> None:
    redis, database = ScriptedStore(REDIS, [StoreUnreachable()], [PROVEN, NOT_PROVEN]), ScriptedStore(DATABASE)

    async def use(stores: Stores, _failed: Failures) -> None:
        await stores.accept(make_batch())
        await until(lambda: redis.proof_count >= 2)
        assert (await stores.accept(make_batch()))[0] is DATABASE
        assert stores.candidates[0].proof == NOT_PROVEN

    run([redis, database], use)


@pytest.mark.parametrize("fault", [StoreUnreachable(), RuntimeError()], ids=lambda fault: type(fault).__name__)
def test_a_store_is_watched_for_whatever_its_proof_ran_into(fault: Exception) -> None:
    redis = ScriptedStore(REDIS, [], [fault, fault, PROVEN])

    async def use(stores: Stores, _failed: Failures) -> None:
        assert not stores.candidates[0].accepts
        await until(lambda: stores.candidates[0].accepts)

    run([redis], use)


def test_a_proof_is_made_anew_when_its_time_is_over_and_takes_effect_at_once() -> None:
    redis, database = ScriptedStore(REDIS, [], [PROVEN, NOT_PROVEN]), ScriptedStore(DATABASE)

    async def use(stores: Stores, _failed: Failures) -> None:
        assert (await stores.accept(make_batch()))[0] is REDIS
        stores.candidates[0].prove_again_at_s = 0.0
        await until(lambda: not stores.candidates[0].accepts)
        assert (await stores.accept(make_batch()))[0] is DATABASE

    run([redis, database], use)


def test_a_proof_holds_for_half_a_minute() -> None:
    redis = ScriptedStore(REDIS)

    async def use(stores: Stores, _failed: Failures) -> None:
        loop_s = asyncio.get_running_loop().time()
        assert 29 < stores.candidates[0].prove_again_at_s - loop_s < 31
        await asyncio.sleep(0.3)
        assert redis.proof_count == 1

    run([redis], use)


def slow_to_prove(name: StoreName, first_proofs: int) -> Candidate:
    """A store that proves itself so often at once, and then hangs whenever it is asked."""
    proofs = iter([PROVEN] * first_proofs)

    async def prove() -> Proof:
        if (proof := next(proofs, None)) is None:
            await asyncio.sleep(60)
        return proof or PROVEN

    return Candidate(name, ScriptedStore(name).candidate().accept, prove)


def test_a_store_that_hangs_does_not_keep_the_other_from_being_proven_again() -> None:
    redis, database = ScriptedStore(REDIS, [StoreUnreachable()]), slow_to_prove(DATABASE, 1)

    async def running() -> None:
        stores = Stores([redis.candidate(), database], failed=lambda *_: None)
        async with stores.running():
            database.prove_again_at_s = 0.0
            await asyncio.sleep(2 * LOOK_EVERY_S)
            await stores.accept(make_batch())
            assert not stores.candidates[0].accepts
            await until(lambda: stores.candidates[0].accepts, within_s=2)

    asyncio.run(running())


def test_who_only_looks_takes_no_slow_store_out_of_use() -> None:
    slow, quick = slow_to_prove(DATABASE, 1), ScriptedStore(REDIS, [], [PROVEN, NOT_PROVEN])

    async def running() -> None:
        stores = Stores([quick.candidate(), slow], failed=lambda *_: None)
        async with stores.running():
            await stores.look(within_s=0.05)
            assert [candidate.accepts for candidate in stores.candidates] == [False, True]

    asyncio.run(running())
