"""A batch: what was accepted together, as bytes. Pure; sealing is the store's.

Layout, big-endian, format 1: for each item, kind (1 byte), received at (8 bytes, ms since the Unix epoch), length of the reason
(1 byte), length of the body (4 bytes), reason (ASCII), body. A callback's body travels as it came, so that a worker reads exactly
what the sender wrote.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

BATCH_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">BqBI")


class ItemKind(IntEnum):
    """What a batch item asks the worker to do with its body."""

    MESSAGE = 1
    QUARANTINE = 2


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One callback's raw body. `reason`: for quarantine, the code of the error that put it there; for a message, empty."""

    kind: ItemKind
    received_at_ms: int
    body: bytes
    reason: str = ""


def encode_items(items: Iterable[BatchItem]) -> bytes:
    """The bytes of a batch."""
    parts: list[bytes] = []
    for item in items:
        reason = item.reason.encode("ascii")
        parts += (_HEAD.pack(item.kind, item.received_at_ms, len(reason), len(item.body)), reason, item.body)
    return b"".join(parts)


def decode_items(data: bytes) -> Iterator[BatchItem]:
    """The items of a batch, in order. Raises ValueError where the bytes are not a whole batch."""
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise ValueError("The batch ends inside an item's head.")
        kind, received_at_ms, reason_bytes, body_bytes = _HEAD.unpack_from(data, at)
        reason_at = at + _HEAD.size
        body_at = reason_at + reason_bytes
        at = body_at + body_bytes
        if at > len(data):
            raise ValueError("The batch ends inside an item's body.")
        reason = data[reason_at:body_at].decode("ascii")
        yield BatchItem(ItemKind(kind), received_at_ms, data[body_at:at], reason)
