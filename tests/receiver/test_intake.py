"""Group commit: who goes together, who is told what, and that nobody is left waiting. Then the same with real stores."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from receiver.blocking import InThread
from receiver.intake import MOST_BYTES, MOST_ITEMS, Accepted, Intake
from receiver.stores import Candidate, Stores
from schemas.batches import BatchItem
from schemas.errors import NoStoreAccepts, ShuttingDown, StoreFull
from store.durability import Proof, prove_database
from store.engine import Database
from store.inbox.batches import Inbox, Seen, StoreName
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox
from store.inbox.sealed import open_batch
from store.quarantine import CONFLICT
from store.redis_client import open_redis
from tests.support.batches import make_item, make_keyring, mark_of
from tests.support.callbacks import callback_body
from tests.support.candidates import NOT_PROVEN, ScriptedStore
from tests.support.doors import make_door
from tests.support.valkey import ValkeyProcess
from tests.support.workshop import Workshop, cases_of, quarantined, texts_of

SESSION = "AB" * 16
NUMBER = "Call me on 510-444-5610 tonight."
REDIS, DATABASE = StoreName.REDIS, StoreName.DATABASE


@dataclass
class Rig:
    """An intake, what it committed, and how often it rang."""

    intake: Intake
    committed: list[int] = field(default_factory=list)
    rings: int = 0

    def send(self, item: BatchItem) -> "asyncio.Task[Accepted]":
        """A caller that waits for its item."""
        return asyncio.create_task(self.intake.accept(item, mark_of(item)))


@contextlib.asynccontextmanager
async def rig_of(*candidates: Candidate) -> AsyncIterator[Rig]:
    stores = Stores(list(candidates), failed=lambda *_: None)
    rig = Rig(intake=None)  # type: ignore[arg-type]

    def ring() -> None:
        rig.rings += 1

    rig.intake = Intake(stores, make_keyring(), ring=ring, batch_committed=rig.committed.append)
    async with stores.running():
        yield rig
        await rig.intake.close()


def run(store: ScriptedStore, use: Callable[[Rig], Awaitable[None]]) -> None:
    async def running() -> None:
        async with rig_of(store.candidate()) as rig:
            await use(rig)

    asyncio.run(running())


def bodies(store: ScriptedStore) -> list[list[bytes]]:
    """What each batch held."""
    return [[item.body for item in open_batch(batch.id, batch.sealed, make_keyring())] for batch in store.taken]


def test_an_idle_receiver_commits_at_once_and_what_arrives_meanwhile_goes_together() -> None:
    store = ScriptedStore(REDIS)
    items = [make_item() for _ in range(5)]

    async def use(rig: Rig) -> None:
        store.hold = asyncio.Event()
        first = rig.send(items[0])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        rest = [rig.send(item) for item in items[1:]]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in (first, *rest))
        store.hold.set()
        assert await asyncio.gather(first, *rest) == [Accepted(Seen.NEW, REDIS)] * 5
        assert (rig.committed, rig.rings) == ([1, 4], 2)

    run(store, use)

    assert bodies(store) == [[items[0].body], [item.body for item in items[1:]]]


def test_copies_in_one_batch_take_one_place() -> None:
    store = ScriptedStore(REDIS)
    one = make_item()

    async def use(rig: Rig) -> None:
        answers = await asyncio.gather(*(rig.send(one) for _ in range(3)))
        assert sorted(answer.seen for answer in answers) == [Seen.DUPLICATE, Seen.DUPLICATE, Seen.NEW]

    run(store, use)

    assert bodies(store) == [[one.body]]


def test_a_batch_holds_no_more_items_than_a_claim_takes() -> None:
    store = ScriptedStore(REDIS)
    items = [make_item() for _ in range(2 * MOST_ITEMS + 5)]

    async def use(rig: Rig) -> None:
        await asyncio.gather(*(rig.send(item) for item in items))
        assert rig.committed == [MOST_ITEMS, MOST_ITEMS, 5]

    run(store, use)


def test_a_batch_holds_no_more_bytes_than_its_limit_and_one_item() -> None:
    store = ScriptedStore(REDIS)
    size_bytes = MOST_BYTES // 4
    items = [make_item(callback_body(mo_message="x" * size_bytes)) for _ in range(6)]

    async def use(rig: Rig) -> None:
        await asyncio.gather(*(rig.send(item) for item in items))
        assert rig.committed == [4, 2]

    run(store, use)


def test_a_caller_that_goes_away_takes_nobody_with_it() -> None:
    store = ScriptedStore(REDIS)
    items = [make_item() for _ in range(3)]

    async def use(rig: Rig) -> None:
        store.hold = asyncio.Event()
        tasks = [rig.send(item) for item in items]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        await asyncio.sleep(0.01)
        store.hold.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers[0] == answers[2] == Accepted(Seen.NEW, REDIS)
        assert isinstance(answers[1], asyncio.CancelledError)

    run(store, use)

    assert bodies(store) == [[item.body for item in items]]


def test_all_of_a_batch_are_told_that_no_store_took_it_and_the_next_batch_goes_on() -> None:
    store = ScriptedStore(REDIS, [StoreFull()])
    refused, accepted = [make_item() for _ in range(3)], make_item()

    async def use(rig: Rig) -> None:
        answers = await asyncio.gather(*(rig.send(item) for item in refused), return_exceptions=True)
        assert [type(answer) for answer in answers] == [NoStoreAccepts] * 3
        assert await rig.send(accepted) == Accepted(Seen.NEW, REDIS)
        assert (rig.committed, rig.rings) == ([1], 1)

    run(store, use)

    assert bodies(store) == [[accepted.body]]


def test_a_refusal_that_nobody_waits_for_any_more_is_no_error() -> None:
    store = ScriptedStore(REDIS, [StoreFull()])

    async def use(rig: Rig) -> None:
        store.hold = asyncio.Event()
        task = rig.send(make_item())
        await asyncio.sleep(0.01)
        task.cancel()
        store.hold.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(store, use)


def test_closing_commits_what_was_taken_and_takes_nothing_more() -> None:
    store = ScriptedStore(REDIS)

    async def use(rig: Rig) -> None:
        store.hold = asyncio.Event()
        tasks = [rig.send(make_item())]
        await asyncio.sleep(0.01)
        tasks += [rig.send(make_item()) for _ in range(3)]
        await asyncio.sleep(0.01)
        closing = asyncio.create_task(rig.intake.close())
        await asyncio.sleep(0.01)
        late = rig.send(make_item())
        with pytest.raises(ShuttingDown):
            await late
        store.hold.set()
        await closing
        assert [(await task).seen for task in tasks] == [Seen.NEW] * 4
        assert rig.committed == [1, 3]

    run(store, use)


def test_a_commit_that_is_cut_off_leaves_nobody_waiting() -> None:
    store = ScriptedStore(REDIS)

    async def use(rig: Rig) -> None:
        store.hold = asyncio.Event()
        tasks = [rig.send(make_item())]
        await asyncio.sleep(0.01)
        tasks += [rig.send(make_item())]
        await asyncio.sleep(0.01)
        [committing] = [task for task in asyncio.all_tasks() if "_commit_all" in str(task.get_coro())]
        committing.cancel()
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [ShuttingDown, ShuttingDown]
        with contextlib.suppress(asyncio.CancelledError):
            await committing
        rig.intake = Intake(Stores([], failed=lambda *_: None), make_keyring(), ring=lambda: None, batch_committed=rig.committed.append)

    run(store, use)


# From here on with real stores: what the sender is told, and what there is in the end.


@dataclass
class House:
    """Both real stores, as the receiver knows them."""

    valkey: ValkeyProcess
    database: Database

    @contextlib.asynccontextmanager
    async def rig(self, *, redis_works: bool = True, max_pending: int = 1_000_000) -> AsyncIterator[Rig]:
        """An intake over both stores; Redis proven, or not."""
        door = make_door(self.valkey, max_pending=max_pending)()
        thread = InThread("database")
        inbox = DatabaseInbox(self.database)

        async def not_proven() -> Proof:
            return NOT_PROVEN

        redis = Candidate(REDIS, door.accept, door.prove if redis_works else not_proven)
        database = Candidate(
            DATABASE,
            lambda batch: thread.run(lambda: inbox.accept(batch), within_s=2),
            lambda: thread.run(lambda: prove_database(self.database, 2), within_s=2),
        )
        try:
            async with rig_of(redis, database) as rig:
                yield rig
        finally:
            await door.close()
            thread.close()

    def drain(self) -> None:
        """Work on all that was accepted."""
        client = open_redis(self.valkey.url)
        inboxes: list[Inbox] = [RedisInbox(client), DatabaseInbox(self.database)]
        Workshop(self.database).drain(*inboxes)
        assert [inbox.backlog().batches for inbox in inboxes] == [0, 0]
        client.close()


@pytest.fixture
def house(valkey: ValkeyProcess, database: Database) -> House:
    return House(valkey, database)


def message(text: str = NUMBER, **overrides: str) -> BatchItem:
    return make_item(callback_body(**({"session_reference_id": SESSION, "mo_reference_id": "ID7", "mo_message": text} | overrides)))


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "three batches"])
@pytest.mark.parametrize("stores", ["redis", "database", "both"])
def test_three_copies_are_three_times_accepted_and_one_row_and_one_case(house: House, stores: str, *, together: bool) -> None:
    async def send() -> list[Accepted]:
        answers = []
        for redis_works in {"redis": [True], "database": [False], "both": [True, False]}[stores]:
            async with house.rig(redis_works=redis_works) as rig:
                if together:
                    answers += await asyncio.gather(*(rig.send(message()) for _ in range(3)))
                else:
                    answers += [await rig.send(message()) for _ in range(3)]
        return answers

    answers = asyncio.run(send())
    house.drain()

    assert len(answers) == (6 if stores == "both" else 3)
    assert answers[0].seen is Seen.NEW
    assert texts_of(house.database, SESSION) == [NUMBER]
    assert [case.finding_count for case in cases_of(house.database, SESSION)] == [1]
    assert quarantined(house.database) == []


@pytest.mark.parametrize("redis_works", [True, False], ids=["redis", "database"])
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_other_values_under_a_known_id_are_accepted_and_kept_aside(house: House, *, together: bool, redis_works: bool) -> None:
    async def send() -> list[Accepted]:
        async with house.rig(redis_works=redis_works) as rig:
            if together:
                return list(await asyncio.gather(rig.send(message()), rig.send(message("Other words"))))
            return [await rig.send(message()), await rig.send(message("Other words"))]

    answers = asyncio.run(send())
    house.drain()

    assert answers[1].seen is (Seen.CONFLICT if redis_works and not together else Seen.NEW)
    assert texts_of(house.database, SESSION) == [NUMBER]
    assert [entry.reason for entry, _ in quarantined(house.database)] == [CONFLICT]


def test_what_redis_has_no_room_for_goes_to_the_database(house: House) -> None:
    async def send() -> list[StoreName]:
        async with house.rig(max_pending=2) as rig:
            return [(await rig.send(message(mo_reference_id=f"ID{number}"))).store for number in range(4)]

    stores = asyncio.run(send())
    house.drain()

    assert stores == [REDIS, REDIS, DATABASE, DATABASE]
    assert texts_of(house.database, SESSION) == [NUMBER] * 4


def test_a_replay_after_the_mark_is_gone_is_still_one_row(house: House) -> None:
    async def send() -> Accepted:
        async with house.rig() as rig:
            return await rig.send(message())

    asyncio.run(send())
    house.drain()
    house.valkey.empty()
    again = asyncio.run(send())
    house.drain()

    assert again.seen is Seen.NEW
    assert texts_of(house.database, SESSION) == [NUMBER]


def test_a_redis_that_hangs_costs_a_message_less_than_its_deadline_and_no_copy(house: House) -> None:
    async def send() -> tuple[Accepted, float]:
        async with house.rig() as rig:
            await rig.send(message(mo_reference_id="ID1"))
            house.valkey.pause()
            started = asyncio.get_running_loop().time()
            try:
                accepted = await rig.send(message())
            finally:
                house.valkey.resume()
            return accepted, asyncio.get_running_loop().time() - started

    accepted, took_s = asyncio.run(send())
    house.drain()

    assert accepted.store is DATABASE
    assert took_s < 2.0
    assert texts_of(house.database, SESSION) == [NUMBER, NUMBER]
    assert len(cases_of(house.database, SESSION)) == 1
