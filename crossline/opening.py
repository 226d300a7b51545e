"""Opens the door: the receiver's stores, intake and doorbell, put together from the settings and closed in the right order.

Per process: two connections to Redis, one for batches on the event loop and one for everything that may wait, and one to the database.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from crossline.reminder import Reminder
from receiver.app import Running
from receiver.blocking import InThread
from receiver.doorbell import Doorbell
from receiver.health import Readiness, StoreReadiness
from receiver.intake import Intake
from receiver.metrics import DoorMetrics
from receiver.scrape import Scrape, StoreScrape
from receiver.stores import Candidate, Stores, preferred
from schemas import keys
from schemas.errors import SchemaMismatch, StoreError, StoreTimeout, StoreUnreachable
from schemas.settings import Settings
from store.durability import Proof, prove_database
from store.engine import Database
from store.inbox.batches import SealedBatch, Seen, StoreName
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisDoor, RedisInbox
from store.keys import remembered_index_key
from store.redis_client import open_redis, redis_errors
from store.schema import require_schema
from store.sealing.keyring import Keyring, index_key_id

log: Any = structlog.get_logger("crossline.opening")

REDIS_WITHIN_S: Final = 0.3
DATABASE_WITHIN_S: Final = 1.6
"""Together with the deadline of Redis, and what passing from one to the other takes, less than 2 s."""
ASK_WITHIN_S: Final = 2.0
READY_WITHIN_S: Final = 1.0
LAST_RING_WITHIN_S: Final = 0.5
OTHER_INDEX_KEY: Final = "CROSSLINE_INDEX_KEY is not the one that this database was written with: give it back its own key."


@contextlib.asynccontextmanager
async def open_door(settings: Settings, metrics: DoorMetrics) -> AsyncIterator[Running]:
    """What the door needs, until the block ends; then what was taken is committed, and the connections are closed."""
    keys_fit = _KeysFit()
    redis_side, database_side = _RedisSide(settings, keys_fit), _DatabaseSide(settings, keys_fit)
    doorbell = Doorbell(redis_side.client, redis_side.thread)
    candidates = {StoreName.REDIS: redis_side.candidate(), StoreName.DATABASE: database_side.candidate()}
    chosen = [candidates.pop(name) for name in preferred(settings.ack)]
    # The database is asked for its index key also where it takes no batch.
    stores = Stores(chosen, failed=metrics.commit_failed, only_watched=tuple(candidates.values()))
    keyring = Keyring([key.get_secret_value() for key in settings.encryption_keys])
    intake = Intake(stores, keyring, ring=doorbell.ring, batch_committed=metrics.batch_committed)
    watch = _Watch(stores, redis_side, database_side)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(database_side.close)
        stack.push_async_callback(redis_side.close)
        await stack.enter_async_context(stores.running())
        stack.push_async_callback(_ring_last, doorbell)
        stack.push_async_callback(intake.close)
        yield Running(intake=intake, readiness=watch.readiness, scrape=watch.scrape)


async def _ring_last(doorbell: Doorbell) -> None:
    """A store that hangs must not hold up the end of this process; the keeper makes good a ring that is lost."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_RING_WITHIN_S):
            await doorbell.close()


@dataclass(slots=True)
class _KeysFit:
    """Whether the index key is the one that the database was written with. Until the database could be asked, it is taken to be.

    With another one no duplicate would be recognised, so nothing is accepted, in either store.
    """

    mismatch: str | None = None

    def require(self) -> None:
        """Raises StoreUnreachable where the keys are known not to fit."""
        if self.mismatch is not None:
            raise StoreUnreachable(self.mismatch)


class _RedisSide:
    """Redis as this process uses it."""

    def __init__(self, settings: Settings, keys_fit: _KeysFit) -> None:
        self.is_reachable = False
        self._keys_fit = keys_fit
        url, verify = settings.redis_url.get_secret_value(), settings.redis_tls_verify
        self._door = RedisDoor(
            url,
            tls_verify=verify,
            vouched=settings.redis_durable,
            max_pending=settings.max_pending,
            dedupe_ttl_s=settings.dedupe_ttl_s,
        )
        self.client = open_redis(url, tls_verify=verify, call_within_s=ASK_WITHIN_S)
        self.inbox = RedisInbox(self.client)
        self.thread = InThread("redis")

    def candidate(self) -> Candidate:
        """Redis as a store for batches."""
        return Candidate(StoreName.REDIS, self._accept, self._prove)

    def work_stats(self) -> Mapping[str, float]:
        """What the workers counted. Raises StoreError."""
        with redis_errors():
            fields: Any = self.client.hgetall(keys.WORK_STATS)
        return {name.decode(): float(value) for name, value in fields.items()}

    async def close(self) -> None:
        """Close both connections."""
        await self._door.close()
        self.thread.close()
        self.client.close()

    async def _accept(self, batch: SealedBatch) -> tuple[Seen, ...]:
        self._keys_fit.require()
        try:
            # The client's own time-outs bound each step; this bounds them all.
            async with asyncio.timeout(REDIS_WITHIN_S):
                return await self._door.accept(batch)
        except TimeoutError:
            raise StoreTimeout("Redis did not answer in time.") from None

    async def _prove(self) -> Proof:
        with _noted(self):
            proof = await self._door.prove()
            self._keys_fit.require()
        return proof


class _DatabaseSide:
    """The database as this process uses it."""

    def __init__(self, settings: Settings, keys_fit: _KeysFit) -> None:
        self.is_reachable = False
        self._keys_fit = keys_fit
        self._index_key_id = index_key_id(settings.index_key.get_secret_value())
        # Whoever asks gives up after this time; then the only thread and connection must be free again, too.
        self._database = Database.open(settings.database_url.get_secret_value(), within_s=ASK_WITHIN_S)
        self.inbox = DatabaseInbox(self._database, accept_within_s=DATABASE_WITHIN_S)
        self.thread = InThread("database")
        self._reminder = Reminder(lambda because: log.warning("waiting_for_the_schema", because=because))

    def candidate(self) -> Candidate:
        """The database as a store for batches."""
        return Candidate(StoreName.DATABASE, self._accept, self._prove)

    def close(self) -> None:
        """Close the connection."""
        self.thread.close()
        self._database.close()

    async def _accept(self, batch: SealedBatch) -> tuple[Seen, ...]:
        return await self.thread.run(lambda: self.inbox.accept(batch), within_s=DATABASE_WITHIN_S)

    async def _prove(self) -> Proof:
        with _noted(self):
            return await self.thread.run(self._ask, within_s=ASK_WITHIN_S)

    def _ask(self) -> Proof:
        """A database without the schema can keep nothing, however durable it is; and one that other keys wrote is not ours."""
        try:
            require_schema(self._database)
        except SchemaMismatch as mismatch:
            self._reminder.waiting(mismatch.message)
            return Proof(proven=False, reasons=(mismatch.message,))
        with self._database.read() as tx:
            standing = remembered_index_key(tx)
        self._keys_fit.mismatch = None if standing in (None, self._index_key_id) else OTHER_INDEX_KEY
        self._keys_fit.require()
        return prove_database(self._database, ASK_WITHIN_S)


@contextlib.contextmanager
def _noted(side: _RedisSide | _DatabaseSide) -> Iterator[None]:
    """Notes whether a store could be asked, also where nobody waited for its answer to the end."""
    try:
        yield
    except BaseException:
        side.is_reachable = False
        raise
    side.is_reachable = True


class _Watch:
    """What health checks and scrapes want to know."""

    def __init__(self, stores: Stores, redis_side: _RedisSide, database_side: _DatabaseSide) -> None:
        self._stores = stores
        self._sides: dict[StoreName, _RedisSide | _DatabaseSide] = {StoreName.REDIS: redis_side, StoreName.DATABASE: database_side}
        self._work_stats = redis_side.work_stats

    async def readiness(self) -> Readiness:
        """What the stores say when they are asked now."""
        await self._stores.look(within_s=READY_WITHIN_S)
        return Readiness({one.name: _readiness(one, is_reachable=self._sides[one.name].is_reachable) for one in self._stores.candidates})

    async def scrape(self) -> Scrape:
        """What waits in both inboxes, and what the workers counted; a store that does not answer is left out."""
        proven = {candidate.name: candidate.proof.proven for candidate in self._stores.candidates}
        names = tuple(self._sides)
        found = await asyncio.gather(*(self._store(name, proven=proven.get(name, False)) for name in names))
        try:
            work = await self._sides[StoreName.REDIS].thread.run(self._work_stats, within_s=ASK_WITHIN_S)
        except StoreError:
            work = {}
        return Scrape(stores=dict(zip(names, found, strict=True)), work=work)

    async def _store(self, name: StoreName, *, proven: bool) -> StoreScrape:
        side = self._sides[name]
        try:
            backlog = await side.thread.run(side.inbox.backlog, within_s=ASK_WITHIN_S)
        except StoreError:
            return StoreScrape(proven=proven)
        return StoreScrape(proven=proven, messages=backlog.messages, oldest_age_s=backlog.oldest_age_ms / 1000)


def _readiness(candidate: Candidate, *, is_reachable: bool) -> StoreReadiness:
    proof = candidate.proof
    detail = " ".join(proof.reasons) or ("" if is_reachable else "It does not answer in time.")
    return StoreReadiness(reachable=is_reachable, proven=proof.proven, accepts=candidate.accepts and is_reachable, detail=detail)
