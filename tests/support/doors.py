"""The receiver's side of Redis, for tests that have no event loop of their own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from store.inbox.batches import SealedBatch, Seen
from store.inbox.redis import RedisDoor
from tests.support.valkey import ValkeyProcess

T = TypeVar("T")
OpenDoor = Callable[[], RedisDoor]


def make_door(server: ValkeyProcess, *, max_pending: int = 1_000_000, dedupe_ttl_s: int = 3600, vouched: bool = False) -> OpenDoor:
    """Opens doors to a server; each must be opened on the event loop that it is used on."""
    return lambda: RedisDoor(server.url, tls_verify=True, vouched=vouched, max_pending=max_pending, dedupe_ttl_s=dedupe_ttl_s)


def with_door(open_door: OpenDoor, use: Callable[[RedisDoor], Coroutine[Any, Any, T]]) -> T:
    """What `use` gives, with a door that is proven first and closed afterwards."""

    async def run() -> T:
        door = open_door()
        try:
            await door.prove()
            return await use(door)
        finally:
            await door.close()

    return asyncio.run(run())


def accept_in_redis(open_door: OpenDoor, batch: SealedBatch) -> tuple[Seen, ...]:
    """Put one batch through a door; what its marks said. Raises StoreError."""
    return with_door(open_door, lambda door: door.accept(batch))
