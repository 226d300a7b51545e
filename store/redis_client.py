"""Opens Redis: the one place that decides time-outs and retries, and turns redis-py's errors into ours.

redis-py's own defaults would hold one call for a minute against a server that hangs; here a call fails once, in time, and the caller
decides. RESP2 and no `CLIENT SETINFO`: a new connection costs as few round trips as can be.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, OutOfMemoryError, RedisError, ResponseError
from redis.retry import Retry

from schemas.errors import StoreError, StoreFull, StoreTimeout, StoreUnreachable

RedisClient = redis.Redis
"""What `open_redis` gives, for those who only pass it on."""

CONNECT_WITHIN_S: Final = 2.0
CALL_WITHIN_S: Final = 5.0
POOL_WITHIN_S: Final = 10.0


def open_redis(url: str, *, tls_verify: bool = True, call_within_s: float = CALL_WITHIN_S, connections: int = 1) -> "redis.Redis":
    """A client for threads, with at most `connections` connections; a thread waits for a free one."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=POOL_WITHIN_S,
        retry=Retry(NoBackoff(), 0),
        **_options(url, tls_verify=tls_verify, call_within_s=call_within_s),
    )
    return redis.Redis.from_pool(pool)


def open_async_redis(url: str, *, tls_verify: bool = True, call_within_s: float, connected: Callable[[], None]) -> "redis.asyncio.Redis":
    """A client for one event loop, with one connection. `connected` is called whenever that connection is made anew."""

    async def connect(connection: redis.asyncio.Connection) -> None:
        await connection.on_connect()
        connected()

    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=1,
        timeout=CONNECT_WITHIN_S,
        retry=AsyncRetry(NoBackoff(), 0),
        redis_connect_func=connect,
        **_options(url, tls_verify=tls_verify, call_within_s=call_within_s),
    )
    return redis.asyncio.Redis.from_pool(pool)


@contextlib.contextmanager
def redis_errors() -> Iterator[None]:
    """Turns what redis-py raises into a StoreError that quotes nothing but the server's error word (`MISCONF`, `LOADING`, …)."""
    try:
        yield
    except OutOfMemoryError:
        raise StoreFull("Redis has reached its maxmemory.") from None
    except (redis.exceptions.TimeoutError, TimeoutError):
        raise StoreTimeout("Redis did not answer in time.") from None
    except AuthenticationError:
        raise StoreUnreachable("Redis refuses the password in REDIS_URL.") from None
    except (RedisError, OSError) as error:
        raise _unreachable(error) from None


def _unreachable(error: Exception) -> StoreError:
    word = str(error).partition(" ")[0] if isinstance(error, ResponseError) else ""
    named = word if word.isupper() and word.isalpha() else type(error).__name__
    return StoreUnreachable(f"Redis failed ({named}).")


def _options(url: str, *, tls_verify: bool, call_within_s: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "socket_timeout": call_within_s,
        "protocol": 2,
        "driver_info": None,
    }
    if not url.startswith("unix:"):
        options |= {"socket_connect_timeout": CONNECT_WITHIN_S, "socket_keepalive": True}
    if url.startswith("rediss:") and not tls_verify:
        options |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    return options
