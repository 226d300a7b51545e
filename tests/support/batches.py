"""Batches as the receiver makes them, and stores' own views of what lies in them, for tests of the inboxes and the workers."""

from collections.abc import Sequence
from typing import Final

from schemas.batches import BatchItem, ItemKind
from schemas.callbacks import decode_callback
from schemas.clock import from_ms, utcnow_ms
from store.inbox.batches import DuplicateMark, SealedBatch
from store.inbox.sealed import seal_batch
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring
from tests.support.callbacks import callback_body

ENCRYPTION_KEY: Final = bytes(range(32))
INDEX_KEY: Final = bytes(range(32, 64))


def make_keyring() -> Keyring:
    """A keyring of one made-up key, always the same."""
    return Keyring([ENCRYPTION_KEY])


def make_digests() -> Digests:
    """Digests under a made-up index key, always the same."""
    return Digests(INDEX_KEY)


def make_item(body: bytes | None = None, *, kind: ItemKind = ItemKind.MESSAGE, reason: str = "") -> BatchItem:
    """An item received now; a new message unless a body is given."""
    return BatchItem(kind, utcnow_ms(), callback_body() if body is None else body, reason)


def mark_of(item: BatchItem) -> DuplicateMark:
    """The mark that the receiver would give the item."""
    if item.kind is ItemKind.QUARANTINE:
        return make_digests().quarantine_mark(item.reason, item.body)
    return make_digests().duplicate_mark(decode_callback(item.body, received_at=from_ms(item.received_at_ms)))


def make_batch(items: Sequence[BatchItem] | int = 1) -> SealedBatch:
    """A sealed batch of these items, or of so many new messages, with their marks."""
    batch_items = [make_item() for _ in range(items)] if isinstance(items, int) else list(items)
    return seal_batch(batch_items, [mark_of(item) for item in batch_items], make_keyring())
