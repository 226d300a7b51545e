"""The keys of a database: remembered, compared, counted, and rotated in pieces that may end at any point."""

import contextlib
import secrets
from datetime import UTC, datetime

import pytest

from schemas import keys
from schemas.batches import BatchItem, ItemKind
from schemas.errors import KeyMismatch, StoreError
from store import conversations, quarantine
from store.engine import Database
from store.inbox.batches import SealedBatch
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox
from store.inbox.sealed import seal_batch
from store.keys import (
    KeyUse,
    Rotation,
    Sealed,
    check_keys,
    key_problems,
    key_uses,
    left_to_rotate,
    rotate_some,
    used_key_ids,
    waiting_in_redis,
)
from store.redis_client import open_redis
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring, index_key_id, key_id
from tests.support.valkey import ValkeyProcess

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
OLD, NEW, OTHER = (bytes([filler]) * 32 for filler in (1, 2, 3))
INDEX, OTHER_INDEX = index_key_id(b"i" * 32), index_key_id(b"j" * 32)
DIGESTS = Digests(b"i" * 32)


def add_conversations(database: Database, keyring: Keyring, *sessions: str) -> None:
    with database.begin() as tx:
        conversations.lock(tx, keyring, sessions, now=NOW)


def add_quarantined(database: Database, keyring: Keyring, *bodies: bytes) -> None:
    with database.begin() as tx:
        quarantine.keep(tx, [quarantine.Received("malformed_callback", body, NOW) for body in bodies], keyring, DIGESTS)


def make_batch(keyring: Keyring, body: bytes = b"{}") -> SealedBatch:
    return seal_batch([BatchItem(ItemKind.QUARANTINE, 0, body, "malformed_callback")], [DIGESTS.quarantine_mark("x", body)], keyring)


def rotate_all(database: Database, keyring: Keyring, what: Sealed, *, rows: int = 2) -> Rotation:
    rotation = Rotation(what)
    found = 1
    while found:
        with database.begin() as tx:
            found = rotate_some(tx, keyring, rotation, rows=rows)
    return rotation


def test_the_first_index_key_is_the_one_from_then_on(database: Database) -> None:
    check_keys(database, Keyring([OLD]), INDEX, now=NOW)
    check_keys(database, Keyring([OLD]), INDEX, now=NOW)

    with pytest.raises(KeyMismatch, match="CROSSLINE_INDEX_KEY") as caught:
        check_keys(database, Keyring([OLD]), OTHER_INDEX, now=NOW)

    assert OTHER_INDEX.hex() in caught.value.message
    assert INDEX.hex() in caught.value.message


@pytest.mark.parametrize(
    "ring, fits",
    [
        pytest.param([OLD], True, id="the key it was written with"),
        pytest.param([NEW, OLD], True, id="a new key before it"),
        pytest.param([OLD, OTHER], True, id="a spare key behind it"),
        pytest.param([NEW], False, id="only another key"),
        pytest.param([NEW, OTHER], False, id="two other keys"),
    ],
)
def test_a_ring_must_hold_every_key_that_something_is_sealed_with(database: Database, ring: list[bytes], fits: bool) -> None:
    add_conversations(database, Keyring([OLD]), "S-1", "S-2")
    keyring = Keyring(ring)

    with database.read() as tx:
        problems = key_problems(tx, keyring, INDEX)

    assert (problems == ()) is fits
    assert all(key_id(OLD).hex() in problem for problem in problems)


def test_an_empty_database_takes_any_keys(database: Database) -> None:
    with database.read() as tx:
        assert key_problems(tx, Keyring([NEW]), OTHER_INDEX) == ()
        assert used_key_ids(tx) == frozenset()


def test_looking_at_the_keys_writes_nothing_down(database: Database) -> None:
    with database.read() as tx:
        key_problems(tx, Keyring([OLD]), OTHER_INDEX)

    check_keys(database, Keyring([OLD]), INDEX, now=NOW)


def test_a_refused_ring_leaves_no_index_key_behind(database: Database) -> None:
    add_quarantined(database, Keyring([OLD]), b"body")
    with pytest.raises(KeyMismatch, match="CROSSLINE_ENCRYPTION_KEYS"):
        check_keys(database, Keyring([NEW]), OTHER_INDEX, now=NOW)

    check_keys(database, Keyring([OLD]), INDEX, now=NOW)


def test_two_processes_that_start_together_agree_on_one_index_key(database_url: str) -> None:
    first, second = Database.open(database_url), Database.open(database_url)
    with first.read() as tx:
        before = key_problems(tx, Keyring([OLD]), INDEX)
    check_keys(second, Keyring([OLD]), OTHER_INDEX, now=NOW)

    assert before == ()
    with pytest.raises(KeyMismatch):
        check_keys(first, Keyring([OLD]), INDEX, now=NOW)
    first.close()
    second.close()


def test_every_use_of_a_key_is_counted(database: Database) -> None:
    old, new = Keyring([OLD]), Keyring([NEW, OLD])
    add_conversations(database, old, "S-1", "S-2")
    add_conversations(database, new, "S-3")
    add_quarantined(database, old, b"one")
    inbox = DatabaseInbox(database)
    inbox.accept(make_batch(new, b"a"))
    inbox.accept(make_batch(new, b"b"))

    with database.read() as tx:
        uses = key_uses(tx)

    assert uses == {
        key_id(OLD): KeyUse(key_id(OLD), conversations=2, quarantined=1, waiting=0),
        key_id(NEW): KeyUse(key_id(NEW), conversations=1, quarantined=0, waiting=2),
    }


def test_batches_that_wait_in_redis_are_counted_by_key(valkey: ValkeyProcess, valkey_url: str) -> None:
    client = open_redis(valkey_url)
    for at in range(1_200):
        batch = make_batch(Keyring([OLD if at % 3 else NEW]))
        client.hset(keys.INBOX_BATCHES, batch.id, batch.sealed)

    found = waiting_in_redis(client)

    assert found == {key_id(OLD): 800, key_id(NEW): 400}
    assert RedisInbox(client).backlog().messages == 0
    client.close()


def test_nothing_waits_in_an_empty_redis(valkey_url: str) -> None:
    client = open_redis(valkey_url)

    assert waiting_in_redis(client) == {}
    client.close()


def test_a_redis_that_is_not_there_is_a_store_error() -> None:
    with pytest.raises(StoreError):
        waiting_in_redis(open_redis("redis://127.0.0.1:1/0"))


def test_rotation_rewraps_data_keys_and_what_they_sealed_still_opens(database: Database) -> None:
    sessions = [f"S-{at}" for at in range(5)]
    old, new = Keyring([OLD]), Keyring([NEW, OLD])
    add_conversations(database, old, *sessions)
    with database.read() as tx:
        key = conversations.data_key(tx, old, "S-3")
    assert key is not None
    sealed = key.seal("messages", "M-1", b"text")

    rotation = rotate_all(database, new, Sealed.CONVERSATIONS)

    with database.read() as tx:
        again = conversations.data_key(tx, Keyring([NEW]), "S-3")
        assert again is not None
        assert again.open("messages", "M-1", sealed) == b"text"
        assert used_key_ids(tx) == {key_id(NEW)}
        assert left_to_rotate(tx, new, Sealed.CONVERSATIONS) == 0
    assert (rotation.done, rotation.unreadable) == (5, set())


def test_rotation_seals_quarantined_bodies_anew(database: Database) -> None:
    add_quarantined(database, Keyring([OLD]), b"one", b"two", b"three")

    rotation = rotate_all(database, Keyring([NEW, OLD]), Sealed.QUARANTINE)

    with database.read() as tx:
        bodies = {quarantine.body_of(tx, entry.id, Keyring([NEW])) for entry in quarantine.entries(tx)}
    assert (rotation.done, bodies) == (3, {b"one", b"two", b"three"})


def test_an_interrupted_rotation_goes_on_where_it_stood(database: Database) -> None:
    new = Keyring([NEW, OLD])
    add_conversations(database, Keyring([OLD]), *(f"S-{at}" for at in range(5)))
    with database.begin() as tx:
        rotate_some(tx, new, Rotation(Sealed.CONVERSATIONS), rows=2)
    with contextlib.suppress(KeyboardInterrupt), database.begin() as tx:
        rotate_some(tx, new, Rotation(Sealed.CONVERSATIONS), rows=2)
        raise KeyboardInterrupt

    with database.read() as tx:
        left = left_to_rotate(tx, new, Sealed.CONVERSATIONS)
    rotation = rotate_all(database, new, Sealed.CONVERSATIONS)

    assert (left, rotation.done) == (3, 3)


def test_a_row_that_no_key_opens_is_left_as_it_is_and_the_others_go_on(database: Database) -> None:
    new = Keyring([NEW, OLD])
    add_conversations(database, Keyring([OLD]), "S-1", "S-2", "S-3")
    with database.begin() as tx:
        tx.exec_driver_sql("UPDATE conversations SET session_reference_id = 'S-moved' WHERE session_reference_id = 'S-2'")

    rotation = rotate_all(database, new, Sealed.CONVERSATIONS, rows=1)

    assert (rotation.done, rotation.unreadable) == (2, {"S-moved"})


def test_rows_of_a_key_outside_the_ring_are_not_touched(database: Database) -> None:
    add_conversations(database, Keyring([OTHER]), "S-1")

    rotation = rotate_all(database, Keyring([NEW, OLD]), Sealed.CONVERSATIONS)

    with database.read() as tx:
        assert used_key_ids(tx) == {key_id(OTHER)}
    assert (rotation.done, rotation.unreadable) == (0, set())


def test_a_conversation_that_a_worker_holds_is_passed_over(postgresql_url: str) -> None:
    worker, rotating = Database.open(postgresql_url), Database.open(postgresql_url)
    new = Keyring([NEW, OLD])
    add_conversations(worker, Keyring([OLD]), "S-1", "S-2")

    with worker.begin() as held:
        conversations.lock(held, new, ["S-1"], now=NOW)
        meanwhile = rotate_all(rotating, new, Sealed.CONVERSATIONS)
    afterwards = rotate_all(rotating, new, Sealed.CONVERSATIONS)

    assert (meanwhile.done, afterwards.done) == (1, 1)
    worker.close()
    rotating.close()


@pytest.mark.parametrize("size", [1, 32])
def test_the_name_of_an_index_key_is_not_that_of_an_encryption_key(size: int) -> None:
    key = secrets.token_bytes(size)

    assert index_key_id(key) != key_id(key)
    assert len(index_key_id(key)) == len(key_id(key))
