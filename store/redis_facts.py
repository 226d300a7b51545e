"""What Redis says of itself, in one visit: for whoever judges it. Looks only, writes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redis.exceptions import ResponseError
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker_registration import get_keys

from schemas import keys
from schemas.clock import to_ms
from schemas.errors import StoreUnreachable
from store.durability import redis_facts
from store.inbox.batches import Backlog
from store.inbox.redis import RedisInbox
from store.redis_client import open_redis, redis_errors

if TYPE_CHECKING:
    import redis


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFacts:
    """Redis at one moment.

    `info`, `appendfsync`: see `store.durability.prove_redis`. `clock_ahead_s`: how far Redis' clock is ahead of this machine's.
    `max_clients`: None where it does not say. `directory`: where it keeps its files; None where it does not say. `workers`: RQ workers
    of our queue whose heartbeat has not run out.
    """

    info: Mapping[str, Any]
    appendfsync: str | None
    clock_ahead_s: float
    max_clients: int | None
    directory: str | None
    workers: int
    backlog: Backlog


def examine_redis(url: str, *, tls_verify: bool, clock: Callable[[], datetime]) -> RedisFacts:
    """Ask Redis for everything in `RedisFacts`. Raises StoreError. `clock`: this machine's, aware UTC."""
    try:
        client = open_redis(url, tls_verify=tls_verify)
    except ValueError:
        raise StoreUnreachable("REDIS_URL is no address of a Redis.") from None
    try:
        with redis_errors():
            ahead_s = _clock_ahead_s(client, clock)
            info, appendfsync = redis_facts(client)
            settings = _settings(client)
            queue = Queue(keys.SCREEN_QUEUE, connection=client, serializer=JSONSerializer)
            alive = [name for name in get_keys(queue=queue, connection=client) if client.exists(name)]
            limit = info.get("maxclients", settings.get("maxclients"))
            return RedisFacts(
                info=info,
                appendfsync=appendfsync,
                clock_ahead_s=ahead_s,
                max_clients=None if limit is None else int(limit),
                directory=settings.get("dir"),
                workers=len(alive),
                backlog=RedisInbox(client).backlog(),
            )
    finally:
        client.close()


def _clock_ahead_s(client: "redis.Redis", clock: Callable[[], datetime]) -> float:
    client.ping()
    before_ms = to_ms(clock())
    reply: Any = client.time()
    after_ms = to_ms(clock())
    there_ms: float = reply[0] * 1000 + reply[1] / 1000
    return (there_ms - (before_ms + after_ms) / 2) / 1000


def _settings(client: "redis.Redis") -> dict[str, str]:
    """Settings that INFO does not show; empty where CONFIG is forbidden."""
    found: dict[str, str] = {}
    for name in ("dir", "maxclients"):
        try:
            reply: Any = client.config_get(name)
        except ResponseError:
            return {}
        found |= reply
    return found
