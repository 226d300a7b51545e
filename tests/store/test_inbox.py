"""What both inboxes promise, told by one table of stores: Redis, SQLite and PostgreSQL."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from schemas.errors import StoreError, StoreUnreachable
from store.engine import Database
from store.inbox.batches import CLAIM_BYTES, Alone, Backlog, ClaimedBatch, DuplicateMark, Inbox, SealedBatch
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisDoor, RedisInbox
from store.redis_client import open_redis
from tests.support.batches import make_batch
from tests.support.doors import accept_in_redis, make_door
from tests.support.polling import wait_until
from tests.support.valkey import ValkeyProcess

LONG_MS = 60_000
SHORT_MS = 40
OpenInbox = Callable[[int], Inbox]


@dataclass(frozen=True, slots=True)
class House:
    """One kind of store: batches go in by `accept`; `open` gives an inbox with connections of its own and leases of so many ms."""

    accept: Callable[[SealedBatch], None]
    open: OpenInbox


@contextlib.contextmanager
def redis_house(server: ValkeyProcess) -> Iterator[House]:
    clients: list[redis.Redis] = []

    def open_inbox(lease_ms: int) -> Inbox:
        clients.append(open_redis(server.url))
        return RedisInbox(clients[-1], lease_ms=lease_ms)

    yield House(lambda batch: _accepted(accept_in_redis(make_door(server), batch)), open_inbox)
    for client in clients:
        client.close()


@contextlib.contextmanager
def database_house(url: str) -> Iterator[House]:
    opened: list[Database] = []

    def open_inbox(lease_ms: int) -> DatabaseInbox:
        opened.append(Database.open(url))
        return DatabaseInbox(opened[-1], lease_ms=lease_ms)

    receiver = open_inbox(LONG_MS)
    yield House(lambda batch: _accepted(receiver.accept(batch)), open_inbox)
    for database in opened:
        database.close()


@pytest.fixture(params=["redis", "sqlite", "postgresql"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """Each kind of store in turn, empty."""
    if request.param == "redis":
        making = redis_house(request.getfixturevalue("valkey"))
    else:
        making = database_house(request.getfixturevalue(f"{request.param}_url"))
    with making as made:
        yield made


def _accepted(_seen: object) -> None:
    """What the marks said is not this table's subject."""


def put(house: House, *item_counts: int) -> list[SealedBatch]:
    """Batches of so many items each, accepted one after another, a moment apart: their order is by the millisecond."""
    batches = []
    for item_count in item_counts:
        batches.append(make_batch(item_count))
        house.accept(batches[-1])
        time.sleep(0.002)
    return batches


def ids(batches: list[ClaimedBatch] | list[SealedBatch]) -> list[str]:
    return [batch.id for batch in batches]


def claim_when_due(inbox: Inbox) -> list[ClaimedBatch]:
    return wait_until(inbox.claim, every_s=0.005, what="a batch that is due")


def test_an_empty_inbox_gives_nothing_and_reports_nothing(house: House) -> None:
    inbox = house.open(LONG_MS)

    assert inbox.claim() == []
    assert inbox.backlog() == Backlog(messages=0, batches=0, due=0, oldest_age_ms=0)


def test_nothing_held_is_nothing_to_renew_release_or_end(house: House) -> None:
    inbox = house.open(LONG_MS)
    put(house, 1)

    inbox.renew([])
    inbox.release([], delay_ms=0, counted=True)
    inbox.done([])

    assert inbox.backlog().due == 1


def test_a_claimed_batch_is_what_was_accepted(house: House) -> None:
    [batch] = put(house, 3)

    [claimed] = house.open(LONG_MS).claim()

    assert (claimed.id, claimed.sealed, claimed.expired, claimed.alone) == (batch.id, batch.sealed, 0, None)
    assert abs(claimed.accepted_at_ms - time.time_ns() // 1_000_000) < 10_000


def test_batches_are_claimed_in_the_order_in_which_they_were_accepted(house: House) -> None:
    batches = put(house, 2, 1, 3, 1)

    assert ids(house.open(LONG_MS).claim()) == ids(batches)


@pytest.mark.parametrize(
    "sizes, items, taken",
    [
        pytest.param([2, 2, 2], 6, 3, id="all that fits exactly"),
        pytest.param([2, 2, 2], 5, 2, id="no batch is cut in two"),
        pytest.param([4, 1], 3, 1, id="at least one batch, however large"),
        pytest.param([1, 4, 1], 3, 1, id="none overtakes one that does not fit"),
        pytest.param([1, 1, 1], 1, 1, id="one item, one batch"),
    ],
)
def test_a_claim_takes_up_to_so_many_items(house: House, sizes: list[int], items: int, taken: int) -> None:
    batches = put(house, *sizes)

    assert ids(house.open(LONG_MS).claim(items=items)) == ids(batches)[:taken]


def test_a_claim_takes_up_to_so_many_bytes_and_one_batch_at_least(house: House) -> None:
    marks = [DuplicateMark(bytes([at] * 16), bytes(8)) for at in range(3)]
    large = [SealedBatch(f"large-{at}.1", bytes(CLAIM_BYTES // 2 + 1), (marks[at],)) for at in range(3)]
    for batch in large:
        house.accept(batch)
        time.sleep(0.002)
    inbox = house.open(LONG_MS)

    assert [ids(inbox.claim()) for _ in range(4)] == [["large-0.1"], ["large-1.1"], ["large-2.1"], []]


def test_a_lease_hides_a_batch_from_everybody(house: House) -> None:
    put(house, 1)
    mine, other = house.open(LONG_MS), house.open(LONG_MS)
    mine.claim()

    assert (mine.claim(), other.claim()) == ([], [])


def test_a_lease_that_runs_out_is_counted(house: House) -> None:
    put(house, 1)
    inbox = house.open(SHORT_MS)

    assert [claim_when_due(inbox)[0].expired for _ in range(4)] == [0, 1, 2, 3]


def test_a_renewed_lease_does_not_run_out(house: House) -> None:
    put(house, 1)
    short, long = house.open(SHORT_MS), house.open(LONG_MS)
    claimed = short.claim()
    long.renew(claimed)
    time.sleep(2 * SHORT_MS / 1000)

    assert short.claim() == []


def test_a_renewal_counts_nothing_and_keeps_the_token(house: House) -> None:
    put(house, 1)
    inbox = house.open(SHORT_MS)
    claimed = inbox.claim()
    inbox.renew(claimed)
    inbox.release(claimed, delay_ms=0, counted=False)

    assert claim_when_due(inbox)[0].expired == 0


@pytest.mark.parametrize("counted, expired", [pytest.param(True, 1, id="counted"), pytest.param(False, 0, id="forgiven")])
def test_what_is_released_is_due_again_and_counted_or_not(house: House, *, counted: bool, expired: int) -> None:
    [batch] = put(house, 1)
    inbox = house.open(LONG_MS)
    inbox.release(inbox.claim(), delay_ms=0, counted=counted)
    [claimed] = claim_when_due(inbox)

    assert (claimed.id, claimed.expired) == (batch.id, expired)


def test_a_release_can_forgive_only_its_own_lease(house: House) -> None:
    put(house, 1)
    inbox = house.open(SHORT_MS)
    inbox.claim()
    inbox.release(claim_when_due(inbox), delay_ms=0, counted=False)

    assert claim_when_due(inbox)[0].expired == 1


def test_what_is_released_with_a_delay_is_due_after_it(house: House) -> None:
    put(house, 1)
    inbox = house.open(LONG_MS)
    inbox.release(inbox.claim(), delay_ms=150, counted=False)
    at_once = inbox.claim()
    started = time.monotonic()

    assert at_once == []
    assert claim_when_due(inbox)
    assert time.monotonic() - started < 5


def test_a_lease_that_ran_out_gives_no_power_over_the_next(house: House) -> None:
    put(house, 1)
    short, long = house.open(SHORT_MS), house.open(LONG_MS)
    stale = short.claim()
    [current] = claim_when_due(long)
    short.release(stale, delay_ms=0, counted=False)
    short.renew(stale)
    with pytest.raises(StoreUnreachable):
        short.begin_alone(stale[0], 0)
    time.sleep(2 * SHORT_MS / 1000)

    assert long.claim() == []
    assert long.begin_alone(current, 0) == Alone(item=0, begun=1)


def test_a_lease_that_was_given_back_gives_no_power_any_more(house: House) -> None:
    put(house, 1)
    inbox = house.open(LONG_MS)
    given_back = inbox.claim()
    inbox.release(given_back, delay_ms=0, counted=True)
    inbox.release(given_back, delay_ms=LONG_MS, counted=False)
    inbox.renew(given_back)

    with pytest.raises(StoreUnreachable):
        inbox.begin_alone(given_back[0], 0)
    assert claim_when_due(inbox)[0].expired == 1


def test_whoever_did_the_work_ends_it(house: House) -> None:
    put(house, 2)
    short, long = house.open(SHORT_MS), house.open(LONG_MS)
    stale = short.claim()
    claim_when_due(long)
    short.done(stale)

    assert long.backlog() == Backlog(messages=0, batches=0, due=0, oldest_age_ms=0)


def test_work_that_ends_twice_is_taken_off_once(house: House) -> None:
    put(house, 2, 3)
    inbox = house.open(LONG_MS)
    first = inbox.claim(items=2)
    inbox.done(first)
    inbox.done(first)

    assert inbox.backlog().messages == 3


def test_a_batch_that_is_gone_cannot_be_held(house: House) -> None:
    put(house, 1)
    inbox = house.open(LONG_MS)
    claimed = inbox.claim()
    inbox.done(claimed)
    inbox.renew(claimed)
    inbox.release(claimed, delay_ms=0, counted=True)

    with pytest.raises(StoreError):
        inbox.begin_alone(claimed[0], 0)
    assert (inbox.backlog().batches, inbox.claim()) == (0, [])


def test_the_backlog_counts_items_batches_what_is_due_and_how_long_it_waits(house: House) -> None:
    put(house, 2, 3)
    time.sleep(0.05)
    put(house, 4)
    inbox = house.open(LONG_MS)
    before = inbox.backlog()
    inbox.claim(items=5)
    during = inbox.backlog()

    assert (before.messages, before.batches, before.due) == (9, 3, 3)
    assert (during.messages, during.batches, during.due) == (9, 3, 1)
    assert 50 <= before.oldest_age_ms <= during.oldest_age_ms < 10_000


@pytest.mark.parametrize(
    "begun, noted",
    [
        pytest.param([0], Alone(0, 1), id="once"),
        pytest.param([4, 4, 4], Alone(4, 3), id="the same in a row is counted"),
        pytest.param([4, 4, 5], Alone(5, 1), id="another begins anew"),
        pytest.param([4, 5, 4], Alone(4, 1), id="and so does the first when it comes again"),
        pytest.param([12, 1], Alone(1, 1), id="numbers are compared whole"),
    ],
)
def test_the_item_that_is_worked_on_alone_is_noted(house: House, begun: list[int], noted: Alone) -> None:
    put(house, 20)
    inbox = house.open(LONG_MS)
    [claimed] = inbox.claim()
    told = [inbox.begin_alone(claimed, item) for item in begun]
    inbox.release([claimed], delay_ms=0, counted=True)

    assert told[-1] == noted
    assert claim_when_due(inbox)[0].alone == noted


def test_a_beginning_is_counted_from_one_lease_to_the_next(house: House) -> None:
    put(house, 3)
    inbox = house.open(SHORT_MS)
    noted = [inbox.begin_alone(claim_when_due(inbox)[0], 1) for _ in range(3)]

    assert noted == [Alone(1, 1), Alone(1, 2), Alone(1, 3)]


def test_a_beginning_renews_the_lease(house: House) -> None:
    put(house, 1)
    short, long = house.open(SHORT_MS), house.open(LONG_MS)
    [claimed] = short.claim()
    long.begin_alone(claimed, 0)
    time.sleep(2 * SHORT_MS / 1000)

    assert short.claim() == []


def test_a_forgiven_release_takes_the_latest_beginning_back(house: House) -> None:
    put(house, 3)
    inbox = house.open(SHORT_MS)
    inbox.begin_alone(claim_when_due(inbox)[0], 2)
    [claimed] = claim_when_due(inbox)
    inbox.begin_alone(claimed, 2)
    for _ in range(3):
        inbox.release([claimed], delay_ms=0, counted=False)
        [claimed] = claim_when_due(house.open(LONG_MS))

    assert claimed.alone == Alone(item=2, begun=0)


def test_the_note_goes_with_its_batch(house: House) -> None:
    put(house, 2, 2)
    inbox = house.open(LONG_MS)
    first, second = inbox.claim()
    inbox.begin_alone(first, 1)
    inbox.done([first])
    inbox.release([second], delay_ms=0, counted=True)

    assert claim_when_due(inbox)[0].alone is None


def test_no_batch_is_given_to_two(house: House) -> None:
    batches = put(house, *[1] * 60)
    inboxes = [house.open(LONG_MS) for _ in range(4)]
    taken: list[str] = []
    together = threading.Barrier(len(inboxes))

    def take(inbox: Inbox) -> None:
        together.wait()
        idle = 0
        while idle < 5:
            claimed = inbox.claim(items=3)
            idle = 0 if claimed else idle + 1
            taken.extend(ids(claimed))

    threads = [threading.Thread(target=take, args=(inbox,)) for inbox in inboxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert Counter(taken) == Counter(ids(batches))


def test_the_door_and_the_inbox_of_redis_share_their_name() -> None:
    assert RedisDoor.name is RedisInbox.name
