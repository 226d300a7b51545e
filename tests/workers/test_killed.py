"""The work of a worker that is killed in the middle of a batch: done by another when the lease is over. With the product's own command."""

import time
from typing import Final

from schemas.settings import Settings
from store.engine import Database
from store.inbox.redis import LEASE_MS, RedisInbox
from store.inbox.sealed import seal_batch
from store.redis_client import open_redis
from store.sealing.keyring import Keyring
from tests.support.batches import make_item, mark_of
from tests.support.callbacks import callback_body
from tests.support.crossline import StartProcess
from tests.support.doors import accept_in_redis, make_door
from tests.support.environment import make_environ
from tests.support.polling import wait_until
from tests.support.postgres import PostgresProcess
from tests.support.valkey import ValkeyProcess

SESSION: Final = "EF" * 16
SWEPT_AND_RUNG_WITHIN_S: Final = 4.0


def test_the_work_of_a_killed_worker_is_done_by_another_as_soon_as_its_lease_is_over(
    valkey: ValkeyProcess, postgres: PostgresProcess, postgresql_url: str, crossline_process: StartProcess
) -> None:
    environ = make_environ(redis_url=valkey.url, database_url=postgresql_url)
    keyring = Keyring([key.get_secret_value() for key in Settings.load(environ).encryption_keys])
    database, client = Database.open(postgresql_url), open_redis(valkey.url)
    inbox = RedisInbox(client)
    killed = crossline_process("worker", environ=environ, until_log="screener_started")
    with postgres.client("migrated") as holder:
        # Whoever would write the first message waits here: in the middle of its transaction.
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE message_ids IN ACCESS EXCLUSIVE MODE")
        item = make_item(callback_body(session_reference_id=SESSION))
        accept_in_redis(make_door(valkey), seal_batch([item], [mark_of(item)], keyring))
        wait_until(lambda: inbox.backlog().due == 0, what="a claim")
        claimed_s = time.monotonic()
        killed.kill()
        holder.execute("ROLLBACK")
    crossline_process("worker", environ=environ, until_log="screener_started")
    waited = inbox.backlog()
    wait_until(lambda: inbox.backlog().batches == 0, within_s=LEASE_MS / 1000 + 15, what="the end of the work")
    took_s = time.monotonic() - claimed_s
    with database.read() as tx:
        written = tx.exec_driver_sql("SELECT session_reference_id FROM messages").scalars().all()

    assert (waited.batches, waited.due) == (1, 0)
    assert written == [SESSION]
    assert took_s < LEASE_MS / 1000 + SWEPT_AND_RUNG_WITHIN_S
    client.close()
    database.close()
