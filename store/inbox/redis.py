"""The inbox in Redis: a hash of sealed batches, and sorted sets that say when each may be claimed and when it was accepted."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

import redis

from schemas import keys
from schemas.errors import StoreFull, StoreUnreachable
from store.durability import Proof, async_redis_facts, prove_redis
from store.inbox.batches import CLAIM_BYTES, CLAIM_ITEMS, Alone, Backlog, ClaimedBatch, SealedBatch, Seen, StoreName
from store.inbox.scripts import script
from store.redis_client import open_async_redis, redis_errors

LEASE_MS: Final = 20_000
ACCEPT_WITHIN_S: Final = 0.3
"""Longest that the acknowledgement waits for Redis before the other store is asked."""


class RedisInbox:
    """The worker's side: implements `Inbox`."""

    name = StoreName.REDIS
    renewable = True

    def __init__(self, client: "redis.Redis", *, lease_ms: int = LEASE_MS) -> None:
        self._client = client
        self._lease_ms = lease_ms
        self._claim = client.register_script(script("claim"))
        self._done = client.register_script(script("done"))
        self._hold = client.register_script(script("hold"))
        self._begin_alone = client.register_script(script("begin_alone"))
        self._backlog = client.register_script(script("backlog"))

    def claim(self, *, items: int = CLAIM_ITEMS) -> list[ClaimedBatch]:
        """See `Inbox.claim`."""
        token = secrets.token_hex(8)
        with redis_errors():
            rows: Any = self._claim(
                keys=[keys.INBOX_BATCHES, keys.INBOX_DUE, keys.INBOX_ACCEPTED, keys.INBOX_CLAIMS, keys.INBOX_MARKS],
                args=[items, CLAIM_BYTES, self._lease_ms, token],
            )
        return [
            ClaimedBatch(batch_id.decode(), sealed, int(float(accepted_at_ms)), int(expired), token, _alone(mark))
            for batch_id, sealed, accepted_at_ms, expired, mark in rows
        ]

    def renew(self, batches: Sequence[ClaimedBatch]) -> None:
        """See `Inbox.renew`."""
        self._hold_all(batches, due_in_ms=self._lease_ms, what="keep")

    def release(self, batches: Sequence[ClaimedBatch], *, delay_ms: int, counted: bool) -> None:
        """See `Inbox.release`."""
        self._hold_all(batches, due_in_ms=delay_ms, what="count" if counted else "forgive")

    def done(self, batches: Sequence[ClaimedBatch]) -> None:
        """See `Inbox.done`."""
        if not batches:
            return
        with redis_errors():
            self._done(
                keys=[
                    keys.INBOX_BATCHES,
                    keys.INBOX_DUE,
                    keys.INBOX_ACCEPTED,
                    keys.INBOX_CLAIMS,
                    keys.INBOX_MARKS,
                    keys.INBOX_MESSAGES,
                ],
                args=[batch.id for batch in batches],
            )

    def begin_alone(self, batch: ClaimedBatch, item: int) -> Alone:
        """See `Inbox.begin_alone`. Raises StoreUnreachable where another worker holds the batch by now."""
        with redis_errors():
            begun: Any = self._begin_alone(
                keys=[keys.INBOX_DUE, keys.INBOX_CLAIMS, keys.INBOX_MARKS],
                args=[batch.id, batch.token, item, self._lease_ms],
            )
        if not begun:
            raise StoreUnreachable("The lease of the batch ran out.")
        return Alone(item, int(begun))

    def backlog(self) -> Backlog:
        """See `Inbox.backlog`."""
        with redis_errors():
            figures: Any = self._backlog(keys=[keys.INBOX_DUE, keys.INBOX_ACCEPTED, keys.INBOX_MESSAGES])
        return Backlog(*(int(figure) for figure in figures))

    def _hold_all(self, batches: Sequence[ClaimedBatch], *, due_in_ms: int, what: str) -> None:
        if not batches:
            return
        pairs = [value for batch in batches for value in (batch.id, batch.token)]
        with redis_errors():
            self._hold(keys=[keys.INBOX_DUE, keys.INBOX_CLAIMS, keys.INBOX_MARKS], args=[due_in_ms, what, *pairs])


class RedisDoor:
    """The receiver's side: takes batches, on one connection of an event loop.

    What was proven holds for the server behind that connection. After a reconnection a batch is not vouched for until `prove` was
    asked again: the server may have come back with other settings.
    """

    name = StoreName.REDIS

    def __init__(self, url: str, *, tls_verify: bool, vouched: bool, max_pending: int, dedupe_ttl_s: int) -> None:
        self._connections_made = 0
        self._proven_with = 0
        self._vouched = vouched
        self._client = open_async_redis(url, tls_verify=tls_verify, call_within_s=ACCEPT_WITHIN_S, connected=self._connected)
        self._accept = self._client.register_script(script("accept"))
        self._limits = (max_pending, dedupe_ttl_s, keys.SEEN_PREFIX)

    async def prove(self) -> Proof:
        """Whether the server is durable. Raises StoreError."""
        with redis_errors():
            await self._client.ping()
        connected_with = self._connections_made
        info, appendfsync = await async_redis_facts(self._client)
        # Had it been reconnected in between, the facts would be of two servers: then they hold for neither.
        self._proven_with = connected_with
        return prove_redis(info, appendfsync, vouched=self._vouched)

    async def accept(self, batch: SealedBatch) -> tuple[Seen, ...]:
        """Store a batch and mark its new items; what the marks said, one an item. One round trip, atomic.

        A batch of which every item was seen is not stored. Raises StoreError; then the batch may or may not have been stored.
        """
        # One argument for all marks: redis-py spends more on each argument than the script does on cutting a mark out.
        marks = b"".join([part for mark in batch.marks for part in (mark.key, mark.value)])
        with redis_errors():
            letters: Any = await self._accept(
                keys=[keys.INBOX_BATCHES, keys.INBOX_DUE, keys.INBOX_ACCEPTED, keys.INBOX_MESSAGES],
                args=[batch.id, batch.sealed, *self._limits, marks],
            )
        if self._proven_with != self._connections_made:
            raise StoreUnreachable("Redis was reconnected, and has to be proven again.")
        if letters == b"full":
            raise StoreFull("As many messages wait in Redis as CROSSLINE_MAX_PENDING allows.")
        return tuple(Seen(letter) for letter in letters.decode())

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    def _connected(self) -> None:
        self._connections_made += 1


def _alone(mark: bytes) -> Alone | None:
    item, _, begun = mark.decode().partition(":")
    return Alone(int(item), int(begun)) if begun else None
