"""`crossline inbox`: what waits in both stores, and which of them cannot be asked."""

import json
import re
import secrets
from pathlib import Path

import redis

from schemas import keys
from schemas.settings import Settings
from store.engine import Database
from store.inbox.batches import SealedBatch
from store.inbox.database import DatabaseInbox
from tests.commands.conftest import Run
from tests.commands.stored import digests_of, keyring_of, make_batch
from tests.support.crossline import CrosslineProcess
from tests.support.polling import wait_until


def put_in_redis(url: str, batch: SealedBatch, *, accepted_ms_ago: int = 0) -> None:
    """A batch as the receiver's script leaves it."""
    with redis.Redis.from_url(url) as client:
        seconds, micros = client.time()
        accepted_ms = seconds * 1000 + micros // 1000 - accepted_ms_ago
        client.hset(keys.INBOX_BATCHES, batch.id, batch.sealed)
        client.zadd(keys.INBOX_DUE, {batch.id: accepted_ms})
        client.zadd(keys.INBOX_ACCEPTED, {batch.id: accepted_ms})
        client.incrby(keys.INBOX_MESSAGES, batch.item_count)


def test_what_waits_is_shown_with_the_age_of_the_oldest(run: Run, settings: Settings, valkey_url: str, database: Database) -> None:
    ring, digests = keyring_of(settings), digests_of(settings)
    put_in_redis(valkey_url, make_batch(ring, digests, count=3), accepted_ms_ago=5_000)
    inbox = DatabaseInbox(database)
    inbox.accept(make_batch(ring, digests, count=1))
    inbox.claim()

    text = run("inbox")
    document = json.loads(run("inbox", "--json").stdout)

    assert text.exit_code == 0
    assert re.search(
        r"^redis +3 messages in 1 batch \(1 due, 0 with a worker or set back\), the oldest for 5\.\d s$", text.stdout, re.MULTILINE
    )
    assert re.search(
        r"^database +1 message in 1 batch \(0 due, 1 with a worker or set back\), the oldest for 0\.\d s$", text.stdout, re.MULTILINE
    )
    assert (document["redis"]["messages"], document["redis"]["due"], document["redis"]["trouble"]) == (3, 1, None)
    assert 5 <= document["redis"]["oldest_s"] < 60
    assert (document["database"]["messages"], document["database"]["due"]) == (1, 0)


def test_empty_inboxes_are_said_to_be_empty(run: Run) -> None:
    result = run("inbox")

    assert result.stdout.splitlines() == ["redis     nothing waits", "database  nothing waits"]
    assert result.exit_code == 0


def test_a_store_that_cannot_be_asked_is_named_and_the_other_is_shown(run: Run) -> None:
    result = run("inbox", changes={"REDIS_URL": "redis://127.0.0.1:1/0"})
    document = json.loads(run("inbox", "--json", changes={"REDIS_URL": "redis://127.0.0.1:1/0"}).stdout)

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("redis     cannot be asked: Redis failed")
    assert result.stdout.splitlines()[1] == "database  nothing waits"
    assert document["redis"]["messages"] is None


def test_a_person_who_watches_sees_when_each_look_was(environ: dict[str, str], tmp_path: Path) -> None:
    process = CrosslineProcess(tmp_path, ["inbox", "--watch", "--every", "0.1"], environ)
    process.start()
    try:
        wait_until(lambda: len(process.log().splitlines()) >= 6, within_s=30)
    finally:
        process.stop()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", process.log().splitlines()[3])


def test_a_database_without_a_schema_says_what_to_do(run: Run, tmp_path: Path) -> None:
    result = run("inbox", changes={"DATABASE_URL": f"sqlite:///{tmp_path}/empty-{secrets.token_hex(4)}.db"})

    assert result.exit_code == 1
    assert "crossline migrate" in result.stdout


def test_watching_looks_again_until_it_is_stopped(environ: dict[str, str], tmp_path: Path) -> None:
    process = CrosslineProcess(tmp_path, ["inbox", "--watch", "--json", "--every", "0.1"], environ)
    process.start()
    try:
        wait_until(lambda: len(process.log().splitlines()) >= 3, within_s=30)
    finally:
        process.stop()

    assert {tuple(json.loads(line)) for line in process.log().splitlines()[:3]} == {("at", "redis", "database")}
