"""What a worker process has open. RQ calls a job by its dotted name and hands it nothing, so the process keeps this for the job."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import redis

from schemas.settings import Settings
from store.engine import Database
from store.inbox.batches import Inbox
from store.inbox.database import DatabaseInbox
from store.inbox.redis import RedisInbox
from store.redis_client import open_redis
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring, index_key_id
from workers.drain import Drain
from workers.published import publish
from workers.screening.compiled import compile_policy
from workers.screening.default import default_policy
from workers.transcribe import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """One connection to Redis, one to the database, and what works with them."""

    redis: "redis.Redis"
    database: Database
    keyring: Keyring
    index_key_id: bytes
    redis_inbox: Inbox
    database_inbox: Inbox
    drain: Drain

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Opens nothing yet: connections are made when they are used."""
        client = open_redis(settings.redis_url.get_secret_value(), tls_verify=settings.redis_tls_verify)
        database = Database.open(settings.database_url.get_secret_value())
        keyring = Keyring([key.get_secret_value() for key in settings.encryption_keys])
        tools = Tools(
            keyring=keyring,
            digests=Digests(settings.index_key.get_secret_value()),
            policy=compile_policy(default_policy()),
            regions=() if settings.default_region is None else (settings.default_region,),
        )
        return cls(
            redis=client,
            database=database,
            keyring=keyring,
            index_key_id=index_key_id(settings.index_key.get_secret_value()),
            redis_inbox=RedisInbox(client),
            database_inbox=DatabaseInbox(database),
            drain=Drain(database, tools, publish=lambda results: publish(client, results)),
        )


@dataclass(slots=True)
class _Process:
    context: WorkerContext | None = None
    stop: Callable[[], bool] = lambda: False


_process = _Process()


def install(context: WorkerContext, *, stop: Callable[[], bool]) -> None:
    """Keep what this process works with. `stop`: whether the worker was asked to end."""
    _process.context = context
    _process.stop = stop


def installed() -> tuple[WorkerContext, Callable[[], bool]]:
    """What `install` kept. Raises RuntimeError in a process that is no worker of ours."""
    if _process.context is None:
        raise RuntimeError("This job runs only in `crossline worker`.")
    return _process.context, _process.stop
