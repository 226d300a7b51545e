"""Fills Crossline's inbox as its receiver would: the same marks, sealing and script."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from bench.valkey import RunningValkey
from schemas.batches import BatchItem, ItemKind
from schemas.callbacks import decode_callback
from schemas.clock import from_ms, utcnow_ms
from schemas.settings import Settings
from store.inbox.batches import SealedBatch
from store.inbox.redis import RedisDoor
from store.inbox.sealed import seal_batch
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring

_NO_LIMIT: Final = 1_000_000_000


def fill_inbox(valkey: RunningValkey, settings: Settings, bodies: Iterator[bytes], *, count: int, sizes: Iterable[int]) -> None:
    """Put so many messages into the inbox, in batches of these sizes in turn. Without fsync, which is not what is measured here."""
    valkey.client.config_set("appendfsync", "no")
    try:
        asyncio.run(_accept_all(valkey.url, settings, _batches(settings, itertools.islice(bodies, count), itertools.cycle(sizes))))
    finally:
        valkey.client.config_set("appendfsync", "always")


async def _accept_all(url: str, settings: Settings, batches: Iterator[SealedBatch]) -> None:
    door = RedisDoor(url, tls_verify=True, vouched=True, max_pending=_NO_LIMIT, dedupe_ttl_s=settings.dedupe_ttl_s)
    try:
        await door.prove()
        for batch in batches:
            await door.accept(batch)
    finally:
        await door.close()


def _batches(settings: Settings, bodies: Iterator[bytes], sizes: Iterator[int]) -> Iterator[SealedBatch]:
    keyring = Keyring([key.get_secret_value() for key in settings.encryption_keys])
    digests = Digests(settings.index_key.get_secret_value())
    while taken := list(itertools.islice(bodies, next(sizes))):
        items = [BatchItem(ItemKind.MESSAGE, utcnow_ms(), body) for body in taken]
        messages = [decode_callback(item.body, received_at=from_ms(item.received_at_ms)) for item in items]
        yield seal_batch(items, [digests.duplicate_mark(message) for message in messages], keyring)
