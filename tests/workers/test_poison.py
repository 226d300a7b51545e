"""A message that stops the workers: it goes to quarantine, and nothing else does. With real processes that really die."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from store.engine import Database
from store.inbox.batches import Backlog, Inbox
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox
from store.quarantine import POISON
from store.redis_client import open_redis
from tests.support.batches import make_batch, make_item
from tests.support.callbacks import callback_body
from tests.support.doors import accept_in_redis, make_door
from tests.support.polling import wait_until
from tests.support.postgres import PostgresProcess
from tests.support.valkey import ValkeyProcess
from tests.support.worker_main import EXITS, SLEEPS
from tests.support.workers import WorkerProcess, kept_alive
from tests.support.workshop import quarantined, texts_of

LEASE_MS: Final = 200
SESSION: Final = "A0" * 16
EMPTY: Final = Backlog(messages=0, batches=0, due=0, oldest_age_ms=0)


def bodies(*texts: str) -> list[bytes]:
    """Callbacks of one conversation, a second apart."""
    return [
        callback_body(session_reference_id=SESSION, submit_timestamp=f"2026-05-04T09:30:{at:02}", mo_message=text)
        for at, text in enumerate(texts)
    ]


@pytest.mark.parametrize("through", ["redis", "database"])
@pytest.mark.parametrize(
    "texts, poisonous",
    [
        pytest.param(["one", "two", EXITS, "four", "five"], [2], id="in the middle"),
        pytest.param([EXITS, "two"], [0], id="first"),
        pytest.param([f"{EXITS} a", "two", f"{EXITS} b"], [0, 2], id="two of them"),
        pytest.param([EXITS], [0], id="by itself"),
    ],
)
def test_a_message_that_kills_its_worker_is_quarantined_and_its_batch_mates_are_kept(
    through: str, texts: list[str], poisonous: list[int], valkey: ValkeyProcess, sqlite_url: str, tmp_path: Path
) -> None:
    database = Database.open(sqlite_url)
    sent = bodies(*texts)
    batch = make_batch([make_item(body) for body in sent])
    client = open_redis(valkey.url)
    inbox: Inbox
    if through == "redis":
        inbox = RedisInbox(client)
        accept_in_redis(make_door(valkey), batch)
    else:
        inbox = DatabaseInbox(database)
        inbox.accept(batch)
    worker = WorkerProcess(tmp_path, redis_url=valkey.url, database_url=sqlite_url, lease_ms=LEASE_MS)
    with kept_alive(worker) as kept:
        wait_until(lambda: inbox.backlog().batches == 0, within_s=60, what="an empty inbox")

    assert texts_of(database, SESSION) == [text for at, text in enumerate(texts) if at not in poisonous]
    assert sorted(body or b"" for _, body in quarantined(database, reason=POISON)) == sorted(sent[at] for at in poisonous)
    assert len(quarantined(database)) == len(poisonous)
    # Twice with the whole batch, twice alone, for the first; the others are begun alone at once.
    assert kept.deaths == 2 + 2 * len(poisonous)
    client.close()
    database.close()


def test_a_message_that_kills_its_worker_does_not_stop_other_batches(valkey: ValkeyProcess, sqlite_url: str, tmp_path: Path) -> None:
    database = Database.open(sqlite_url)
    client = open_redis(valkey.url)
    sent = bodies("one", EXITS, "three", "four")
    for body in sent:
        accept_in_redis(make_door(valkey), make_batch([make_item(body)]))
    with kept_alive(WorkerProcess(tmp_path, redis_url=valkey.url, database_url=sqlite_url, lease_ms=LEASE_MS)):
        wait_until(lambda: texts_of(database, SESSION) == ["one", "three", "four"], within_s=60, what="the other messages")
        wait_until(lambda: RedisInbox(client).backlog() == EMPTY, within_s=60, what="an empty inbox")

    assert [body for _, body in quarantined(database)] == [sent[1]]
    client.close()
    database.close()


@pytest.mark.parametrize("lease_ms", [pytest.param(400, id="a short lease")])
def test_the_work_of_a_killed_worker_is_done_by_another_when_its_lease_is_over(
    lease_ms: int, valkey: ValkeyProcess, sqlite_url: str, short_dir: Path, tmp_path: Path
) -> None:
    database = Database.open(sqlite_url)
    client = open_redis(valkey.url)
    inbox = RedisInbox(client)
    accept_in_redis(make_door(valkey), make_batch([make_item(body) for body in bodies("one", f"{SLEEPS} two")]))
    killed = WorkerProcess(tmp_path, redis_url=valkey.url, database_url=sqlite_url, lease_ms=lease_ms)
    killed.start()
    wait_until(lambda: inbox.backlog() != EMPTY and inbox.backlog().due == 0, what="a claimed batch")
    killed.kill()
    wait_until(lambda: inbox.backlog().due == 1, within_s=lease_ms / 1000 + 2, what="a lease that ran out")
    [claimed] = inbox.claim()
    inbox.release([claimed], delay_ms=0, counted=False)

    assert claimed.expired == 1
    assert texts_of(database, SESSION) == []
    client.close()
    database.close()


@pytest.mark.parametrize("breakage", ["killed", "paused"])
def test_without_a_database_nothing_is_quarantined_and_nothing_is_lost(
    breakage: str, valkey: ValkeyProcess, postgres: PostgresProcess, postgresql_url: str, tmp_path: Path
) -> None:
    client = open_redis(valkey.url)
    inbox = RedisInbox(client)
    ends: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        "killed": (postgres.kill, postgres.start),
        "paused": (postgres.pause, postgres.resume),
    }
    break_it, mend_it = ends[breakage]
    worker = WorkerProcess(tmp_path, redis_url=valkey.url, database_url=postgresql_url, lease_ms=LEASE_MS)
    with kept_alive(worker) as kept:
        break_it()
        for body in bodies("one", "two", "three"):
            accept_in_redis(make_door(valkey), make_batch([make_item(body)]))
        wait_until(lambda: worker.log().count("drain_paused") >= 2, within_s=40, what="two tries without a database")
        claimed = wait_until(inbox.claim, within_s=20, what="something that is due")
        inbox.release(claimed, delay_ms=0, counted=False)
        mend_it()
        database = Database.open(postgresql_url)
        wait_until(lambda: inbox.backlog() == EMPTY, within_s=40, what="an empty inbox")

    assert {batch.expired for batch in claimed} == {0}
    assert texts_of(database, SESSION) == ["one", "two", "three"]
    assert (quarantined(database), kept.deaths) == ([], 0)
    client.close()
    database.close()
