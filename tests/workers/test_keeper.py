"""The doorbell, the job and the keeper: what is accepted is worked on, whatever RQ forgets and whoever is out of reach."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import pytest
import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from receiver.blocking import InThread
from receiver.doorbell import REST_S, Doorbell
from schemas import jobs, keys
from schemas.errors import StoreTimeout
from schemas.settings import Settings
from store.doorbell import jobs_waiting, ring
from store.engine import Database
from store.inbox.batches import SealedBatch
from store.inbox.database import DatabaseInbox
from store.inbox.sealed import seal_batch
from store.redis_client import open_redis
from tests.support.batches import make_item, mark_of
from tests.support.callbacks import callback_body
from tests.support.doors import accept_in_redis, make_door
from tests.support.environment import make_settings
from tests.support.polling import wait_until
from tests.support.ports import free_port
from tests.support.valkey import ValkeyProcess
from workers.context import WorkerContext, install
from workers.jobs import JobFailed, screen_inbox
from workers.keeper import sweep
from workers.screener import Screener

SESSION = "CD" * 16
NEVER = threading.Event()


@pytest.fixture
def context(valkey_url: str, sqlite_url: str) -> Iterator[WorkerContext]:
    """A worker's context on real stores."""
    with opened(make_settings(redis_url=valkey_url, database_url=sqlite_url)) as made:
        yield made


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[WorkerContext]:
    """The context that settings make, closed afterwards."""
    context = WorkerContext.of(settings)
    yield context
    context.redis.close()
    context.database.close()


def batch_for(context: WorkerContext) -> SealedBatch:
    """One message of the conversation, sealed so that the context's worker can open it."""
    item = make_item(callback_body(session_reference_id=SESSION))
    return seal_batch([item], [mark_of(item)], context.keyring)


def message_count(database: Database) -> int:
    with database.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM messages").scalar_one())


def test_a_batch_whose_ring_was_lost_is_rung_for_once(valkey: ValkeyProcess, context: WorkerContext) -> None:
    accept_in_redis(make_door(valkey), batch_for(context))
    for _ in range(3):
        sweep(context, NEVER)

    assert jobs_waiting(context.redis) == 1


def test_a_batch_in_the_database_is_rung_for_too(context: WorkerContext) -> None:
    DatabaseInbox(context.database).accept(batch_for(context))
    sweep(context, NEVER)

    assert jobs_waiting(context.redis) == 1


def test_nobody_is_woken_for_nothing_and_not_for_what_is_on_lease(valkey: ValkeyProcess, context: WorkerContext) -> None:
    sweep(context, NEVER)
    accept_in_redis(make_door(valkey), batch_for(context))
    context.redis_inbox.claim()
    sweep(context, NEVER)

    assert jobs_waiting(context.redis) == 0


def test_without_redis_the_keeper_works_on_the_databases_inbox_itself(sqlite_url: str) -> None:
    with opened(make_settings(redis_url=f"redis://127.0.0.1:{free_port()}/0", database_url=sqlite_url)) as context:
        DatabaseInbox(context.database).accept(batch_for(context))
        sweep(context, NEVER)

        assert message_count(context.database) == 1
        assert context.database_inbox.backlog().batches == 0


def test_without_a_database_it_rings_for_redis_all_the_same(valkey: ValkeyProcess) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with opened(make_settings(redis_url=valkey.url, database_url=nowhere)) as context:
        accept_in_redis(make_door(valkey), batch_for(context))
        sweep(context, NEVER)

        assert jobs_waiting(context.redis) == 1


def test_a_job_drains_both_inboxes(valkey: ValkeyProcess, context: WorkerContext) -> None:
    accept_in_redis(make_door(valkey), batch_for(context))
    DatabaseInbox(context.database).accept(batch_for(context))
    ring(context.redis)
    work_off(context, valkey.url)

    assert message_count(context.database) == 2
    assert (context.redis_inbox.backlog().batches, context.database_inbox.backlog().batches) == (0, 0)
    assert context.redis.keys("rq:job:*") == []


def test_a_job_that_could_not_finish_rings_again(valkey: ValkeyProcess, context: WorkerContext) -> None:
    accept_in_redis(make_door(valkey), batch_for(context))
    install(context, stop=lambda: True)
    screen_inbox()

    assert jobs_waiting(context.redis) == 1
    assert context.redis_inbox.backlog().due == 1


def test_a_job_that_fails_says_only_what_type_of_error_it_was(context: WorkerContext) -> None:
    def fails() -> bool:
        raise ValueError("words that nobody may see")

    install(context, stop=fails)
    with pytest.raises(JobFailed) as failure:
        screen_inbox()

    assert str(failure.value) == "ValueError"
    assert failure.value.__suppress_context__


def test_a_job_carries_nothing(context: WorkerContext) -> None:
    ring(context.redis)
    [job] = Queue(keys.SCREEN_QUEUE, connection=context.redis, serializer=JSONSerializer).get_jobs()

    assert isinstance(job, Job)
    assert (job.func_name, list(job.args or ()), job.kwargs, job.description, job.meta) == (
        jobs.SCREEN_INBOX,
        [],
        {},
        f"{jobs.SCREEN_INBOX}()",
        {},
    )
    assert (job.timeout, job.failure_ttl, job.result_ttl, job.retries_left) == (jobs.JOB_TIMEOUT_S, jobs.FAILURE_TTL_S, 0, None)


def test_no_more_jobs_wait_than_are_of_use(context: WorkerContext) -> None:
    rung = [ring(context.redis) for _ in range(jobs.MAX_WAITING + 3)]

    assert rung == [True] * jobs.MAX_WAITING + [False] * 3
    assert jobs_waiting(context.redis) == jobs.MAX_WAITING


def work_off(context: WorkerContext, url: str) -> None:
    """Run what waits, as a screener does, and return."""
    install(context, stop=lambda: False)
    client = open_redis(url, connections=2)
    queue = Queue(keys.SCREEN_QUEUE, connection=client, serializer=JSONSerializer)
    Screener([queue], connection=client, serializer=JSONSerializer).work(burst=True, logging_level="WARNING")
    client.close()


def rung_with(client: "redis.Redis", rings: int, *, then_wait_s: float = 0.0) -> None:
    async def run() -> None:
        thread = InThread("redis")
        bell = Doorbell(client, thread)
        for _ in range(rings):
            bell.ring()
        await asyncio.sleep(then_wait_s)
        bell.ring()
        await bell.close()
        thread.close()

    asyncio.run(run())


def test_wishes_to_ring_that_come_together_are_one_ring(context: WorkerContext) -> None:
    rung_with(context.redis, 100, then_wait_s=5 * REST_S)

    assert jobs_waiting(context.redis) == 2


def test_a_wish_that_comes_while_it_rings_is_remembered(context: WorkerContext) -> None:
    async def run() -> None:
        thread = InThread("redis")
        bell = Doorbell(context.redis, thread)
        bell.ring()
        await asyncio.sleep(0)
        bell.ring()
        await bell.close()
        thread.close()

    asyncio.run(run())

    assert jobs_waiting(context.redis) in (1, 2)


def test_a_ring_that_is_lost_breaks_nothing_and_the_next_is_heard(valkey: ValkeyProcess, context: WorkerContext) -> None:
    async def run() -> None:
        thread = InThread("redis")
        bell = Doorbell(context.redis, thread)
        with valkey.client() as client:
            client.config_set("maxmemory", "1mb")
        bell.ring()
        await bell.close()
        with valkey.client() as client:
            assert client.llen(f"rq:queue:{keys.SCREEN_QUEUE}") == 0
            client.config_set("maxmemory", "0")
        bell.ring()
        await bell.close()
        thread.close()

    asyncio.run(run())

    assert jobs_waiting(context.redis) == 1


def test_a_call_that_hangs_is_not_waited_for() -> None:
    ended = threading.Event()

    async def run() -> None:
        thread = InThread("test")
        with pytest.raises(StoreTimeout):
            await thread.run(lambda: ended.wait(5), within_s=0.05)
        ended.set()
        assert await thread.run(lambda: 7, within_s=5) == 7
        thread.close()

    asyncio.run(run())


def test_the_conversation_of_a_ring_ends_in_a_transcript(valkey: ValkeyProcess, context: WorkerContext) -> None:
    accept_in_redis(make_door(valkey), batch_for(context))
    rung_with(context.redis, 1)
    work_off(context, valkey.url)

    assert wait_until(lambda: message_count(context.database)) == 1
