"""Leases kept alive while the work goes on, and what workers publish of it."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis

from schemas import keys, metrics
from schemas.errors import StoreUnreachable
from schemas.workstats import WorkStats, parse
from store.inbox.batches import Alone, Backlog, ClaimedBatch, Inbox, StoreName
from store.inbox.redis import RedisInbox
from store.redis_client import open_redis
from tests.support.batches import make_batch
from tests.support.doors import accept_in_redis, make_door
from tests.support.polling import wait_until
from tests.support.ports import free_port
from tests.support.valkey import ValkeyProcess
from workers.leases import MOST_RENEWALS, renewed
from workers.published import publish
from workers.results import Results


@dataclass
class CountingInbox:
    """An inbox of nothing that counts renewals; where `error` is set they fail."""

    renewable: bool = True
    error: Exception | None = None
    name: StoreName = StoreName.REDIS
    renewals: list[int] = field(default_factory=list)

    def claim(self, *, items: int = 0) -> list[ClaimedBatch]:
        return []

    def renew(self, batches: Sequence[ClaimedBatch]) -> None:
        self.renewals.append(len(batches))
        if self.error is not None:
            raise self.error

    def done(self, batches: Sequence[ClaimedBatch]) -> None:
        raise NotImplementedError

    def release(self, batches: Sequence[ClaimedBatch], *, delay_ms: int, counted: bool) -> None:
        raise NotImplementedError

    def begin_alone(self, batch: ClaimedBatch, item: int) -> Alone:
        raise NotImplementedError

    def backlog(self) -> Backlog:
        raise NotImplementedError


@pytest.fixture
def client(valkey_url: str) -> Iterator["redis.Redis"]:
    """A worker's client, closed afterwards."""
    opened = open_redis(valkey_url)
    yield opened
    opened.close()


def test_a_lease_is_renewed_while_the_work_goes_on_and_not_after_it(valkey: ValkeyProcess, client: "redis.Redis") -> None:
    accept_in_redis(make_door(valkey), make_batch())
    inbox = RedisInbox(client, lease_ms=300)
    claimed = inbox.claim()
    with renewed(inbox, claimed, every_s=0.1):
        assert not threading.Event().wait(0.45)
        assert inbox.claim() == []

    assert [batch.expired for batch in wait_until(inbox.claim, what="the end of the lease")] == [1]


def test_a_worker_that_hangs_loses_its_lease_in_the_end() -> None:
    inbox: Inbox = CountingInbox()
    counting = inbox
    assert isinstance(counting, CountingInbox)
    with renewed(inbox, [], every_s=0.005):
        wait_until(lambda: len(counting.renewals) == MOST_RENEWALS)
        assert not threading.Event().wait(0.1)

    assert len(counting.renewals) == MOST_RENEWALS


def test_a_renewal_that_fails_does_not_stop_the_work_nor_the_next_one() -> None:
    inbox = CountingInbox(error=StoreUnreachable())
    with renewed(inbox, [], every_s=0.005):
        wait_until(lambda: len(inbox.renewals) == MOST_RENEWALS)


def test_a_store_whose_connection_is_busy_is_not_asked() -> None:
    inbox = CountingInbox(renewable=False)
    with renewed(inbox, [], every_s=0.001):
        assert not threading.Event().wait(0.05)

    assert inbox.renewals == []


def test_an_error_of_the_work_passes_and_ends_the_renewing() -> None:
    inbox = CountingInbox()
    with pytest.raises(ZeroDivisionError), renewed(inbox, [], every_s=0.05):
        raise ZeroDivisionError
    assert not threading.Event().wait(0.1)

    assert inbox.renewals == []


def stats(server: ValkeyProcess) -> WorkStats:
    client: Any
    with server.client() as client:
        return parse({name.decode(): float(value) for name, value in client.hgetall(keys.WORK_STATS).items()})


def test_what_workers_did_is_added_up(valkey: ValkeyProcess, client: "redis.Redis") -> None:
    results = Results(
        transcribed=3,
        duplicates=1,
        conflicts=2,
        poisoned=1,
        cases_opened=1,
        latencies_s=[0.002, 0.002, 7.0],
        findings=Counter({("contact.phone", "enforce", "match"): 2}),
    )
    for _ in range(2):
        publish(client, results)
    published = stats(valkey)

    assert {metric: dict(values) for metric, values in published.counters.items()} == {
        metrics.TRANSCRIBED: {(): 6.0},
        metrics.RECOGNISED_DUPLICATES: {(): 2.0},
        metrics.CONFLICTS: {(): 4.0},
        metrics.POISONED: {(): 2.0},
        metrics.CASES_OPENED: {(): 2.0},
        metrics.FINDINGS: {("contact.phone", "enforce", "match"): 4.0},
    }
    assert published.histograms[metrics.TRANSCRIPT_SECONDS].buckets[-1] == ("+Inf", 6.0)
    assert published.histograms[metrics.TRANSCRIPT_SECONDS].sum == pytest.approx(14.008)


def test_what_did_not_happen_is_not_written(valkey: ValkeyProcess, client: "redis.Redis") -> None:
    publish(client, Results())

    with valkey.client() as looking:
        assert looking.exists(keys.WORK_STATS) == 0


def test_what_cannot_be_published_costs_the_work_nothing() -> None:
    nowhere = open_redis(f"redis://127.0.0.1:{free_port()}/0")
    publish(nowhere, Results(transcribed=1))
    nowhere.close()
