"""Sealing of batches: the same bytes for both inboxes. A batch's id ends in a full stop and its number of items."""

import secrets
from collections.abc import Sequence

from schemas.batches import BATCH_FORMAT, BatchItem, decode_items, encode_items
from schemas.errors import SealError
from store.inbox.batches import DuplicateMark, SealedBatch
from store.sealing.keyring import Keyring


class UnknownFormat(Exception):
    """The batch was written by another release, in a format that this one does not know."""


def seal_batch(items: Sequence[BatchItem], marks: Sequence[DuplicateMark], keyring: Keyring) -> SealedBatch:
    """A batch under a fresh id, ready to be stored. `marks`: one an item."""
    batch_id = f"{secrets.token_urlsafe(9)}.{len(items)}"
    sealed = keyring.seal("inbox", batch_id, encode_items(items))
    return SealedBatch(batch_id, bytes([BATCH_FORMAT]) + sealed, tuple(marks))


def open_batch(batch_id: str, sealed: bytes, keyring: Keyring) -> list[BatchItem]:
    """The items of a stored batch. Raises UnknownFormat, or SealError where no key at hand opens it."""
    if sealed[:1] != bytes([BATCH_FORMAT]):
        raise UnknownFormat
    plain = keyring.open("inbox", batch_id, sealed[1:])
    try:
        return list(decode_items(plain))
    except (ValueError, UnicodeDecodeError):
        raise SealError("A batch opens, but does not hold what its format says.") from None
