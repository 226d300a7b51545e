"""What is taken off an inbox is on the disk of the database, also where that is set to answer a commit before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.durability import prove_database
from store.engine import Database
from store.inbox.redis import RedisInbox
from store.migrate import upgrade
from store.redis_client import open_redis
from tests.support.batches import make_batch, make_item
from tests.support.callbacks import callback_body
from tests.support.doors import accept_in_redis, make_door
from tests.support.postgres import PostgresProcess, PostgresUnavailable
from tests.support.valkey import ValkeyProcess
from tests.support.workshop import Workshop, texts_of

SESSION = "D1" * 16


@pytest.fixture
def hasty(short_dir: Path) -> Iterator[PostgresProcess]:
    """A PostgreSQL that answers a commit at once, and writes it to the disk seconds later."""
    short_dir.chmod(0o755)
    server = PostgresProcess(short_dir, config={"synchronous_commit": "off", "wal_writer_delay": "10s"})
    try:
        server.start()
    except PostgresUnavailable as reason:
        pytest.skip(f"no PostgreSQL here: {reason}")
    yield server
    server.stop()


def test_a_message_that_left_redis_survives_the_crash_of_a_database_that_commits_without_the_disk(
    hasty: PostgresProcess, valkey: ValkeyProcess
) -> None:
    database = Database.open(hasty.create_database("crossline"))
    upgrade(database)
    assert not prove_database(database, 5).proven
    accept_in_redis(make_door(valkey), make_batch([make_item(callback_body(session_reference_id=SESSION, mo_message="kept"))]))
    client = open_redis(valkey.url)
    inbox = RedisInbox(client)
    with hasty.client("crossline") as other:
        other.execute("CHECKPOINT")
        Workshop(database).drain(inbox)
        hasty.kill()
    assert inbox.backlog().messages == 0
    hasty.start()
    database.close()

    assert texts_of(database, SESSION) == ["kept"]
    database.close()
    client.close()
