"""An encryption key that a worker lacks: what it sealed waits for a worker that has it, and no message is to blame."""

from collections.abc import Callable

import pytest

from schemas.clock import utcnow
from store import conversations
from store.engine import Database
from store.inbox.batches import Inbox, SealedBatch
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox
from store.inbox.sealed import seal_batch
from store.redis_client import open_redis
from store.sealing.keyring import Keyring
from tests.support.batches import ENCRYPTION_KEY, make_digests, make_item, make_keyring, mark_of
from tests.support.callbacks import callback_body
from tests.support.doors import accept_in_redis, make_door
from tests.support.valkey import ValkeyProcess
from tests.support.workshop import Workshop, make_tools, quarantined, texts_of
from workers import drain
from workers.drain import FAILURES_BEFORE_ALONE
from workers.transcribe import Tools

SESSION = "AB" * 16
OTHER_KEY = bytes(range(64, 96))
TRIES = FAILURES_BEFORE_ALONE + 2
Accept = Callable[[SealedBatch], Inbox]


@pytest.fixture(params=["database", "redis"])
def accept(request: pytest.FixtureRequest, database: Database) -> Accept:
    """Puts a batch into an inbox, and gives that inbox."""

    def in_database(batch: SealedBatch) -> Inbox:
        inbox = DatabaseInbox(database)
        inbox.accept(batch)
        return inbox

    def in_redis(batch: SealedBatch) -> Inbox:
        valkey: ValkeyProcess = request.getfixturevalue("valkey")
        accept_in_redis(make_door(valkey), batch)
        client = open_redis(valkey.url)
        request.addfinalizer(client.close)
        return RedisInbox(client)

    return in_redis if request.param == "redis" else in_database


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be opened is due again at once."""
    monkeypatch.setattr(drain, "UNREADABLE_REST_MS", 0)


def tools_with(*keys: bytes) -> Tools:
    tools = make_tools()
    return Tools(keyring=Keyring(keys), digests=make_digests(), policy=tools.policy)


def sealed_with(key: bytes, *texts: str) -> SealedBatch:
    items = [make_item(callback_body(session_reference_id=SESSION, mo_message=text)) for text in texts]
    return seal_batch(items, [mark_of(item) for item in items], Keyring([key]))


def try_often(workshop: Workshop, inbox: Inbox) -> None:
    """One round of work, as often as would make a message suspect, and more."""
    for _ in range(TRIES):
        rounds = iter([False])
        workshop.drain(inbox, stop=lambda rounds=rounds: next(rounds, True))  # type: ignore[misc]


def test_a_conversation_whose_key_is_missing_waits_and_its_messages_are_not_to_blame(database: Database, accept: Accept) -> None:
    with database.begin() as tx:
        conversations.lock(tx, make_keyring(), [SESSION], now=utcnow())
    inbox = accept(sealed_with(OTHER_KEY, "one", "two"))
    try_often(Workshop(database, tools_with(OTHER_KEY)), inbox)
    [claimed] = inbox.claim()
    inbox.release([claimed], delay_ms=0, counted=False)

    assert (claimed.expired, claimed.alone, quarantined(database)) == (0, None, [])
    assert texts_of(database, SESSION) == []
    Workshop(database, tools_with(OTHER_KEY, ENCRYPTION_KEY)).drain(inbox)
    assert sorted(texts_of(database, SESSION)) == ["one", "two"]
    assert (inbox.backlog().messages, quarantined(database)) == (0, [])


def test_a_batch_whose_key_is_missing_waits_and_the_others_go_on(database: Database, accept: Accept) -> None:
    inbox = accept(sealed_with(OTHER_KEY, "one"))
    accept(sealed_with(ENCRYPTION_KEY, "two"))
    try_often(Workshop(database), inbox)

    assert texts_of(database, SESSION) == ["two"]
    [claimed] = inbox.claim()
    inbox.release([claimed], delay_ms=0, counted=False)
    assert (claimed.expired, quarantined(database)) == (0, [])
    Workshop(database, tools_with(ENCRYPTION_KEY, OTHER_KEY)).drain(inbox)
    assert sorted(texts_of(database, SESSION)) == ["one", "two"]


def test_a_key_that_goes_missing_while_a_batch_is_run_alone_makes_no_poison(database: Database, accept: Accept) -> None:
    with database.begin() as tx:
        conversations.lock(tx, make_keyring(), [SESSION], now=utcnow())
    inbox = accept(sealed_with(OTHER_KEY, "one", "two"))
    for _ in range(FAILURES_BEFORE_ALONE):
        inbox.release(inbox.claim(), delay_ms=0, counted=True)
    try_often(Workshop(database, tools_with(OTHER_KEY)), inbox)

    assert (quarantined(database), inbox.backlog().messages) == ([], 2)
    Workshop(database, tools_with(OTHER_KEY, ENCRYPTION_KEY)).drain(inbox)
    assert sorted(texts_of(database, SESSION)) == ["one", "two"]
    assert quarantined(database) == []
