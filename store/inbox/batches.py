"""What an inbox takes and gives back, and the interface that both inboxes have."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

CLAIM_ITEMS: Final = 512
"""Most items that one claim takes."""
CLAIM_BYTES: Final = 8 * 1024 * 1024
"""Most sealed bytes that one claim takes."""


class StoreName(StrEnum):
    """The two stores that can be proven durable."""

    REDIS = "redis"
    DATABASE = "database"


class Seen(StrEnum):
    """What the duplicate marks say of an item. CONFLICT: the id is known with other values; the worker judges."""

    NEW = "n"
    DUPLICATE = "d"
    CONFLICT = "c"


@dataclass(frozen=True, slots=True)
class DuplicateMark:
    """`key`: 16 bytes of the keyed digest of an item's id. `value`: 8 bytes of that of its other values."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch ready to be stored. `marks`: one an item, in order."""

    id: str
    sealed: bytes
    marks: tuple[DuplicateMark, ...]

    @property
    def item_count(self) -> int:
        """How many items the batch holds."""
        return len(self.marks)


@dataclass(frozen=True, slots=True)
class Alone:
    """The item that was being worked on alone when its worker was last heard of, and how often it was begun so and not given back."""

    item: int
    begun: int


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A batch on lease. `expired`: how many earlier leases ran out. `token`: names this lease."""

    id: str
    sealed: bytes
    accepted_at_ms: int
    expired: int
    token: str
    alone: Alone | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits. `due`: batches that could be claimed now. `oldest_age_ms`: 0 where nothing waits."""

    messages: int
    batches: int
    due: int
    oldest_age_ms: int


class Inbox(Protocol):
    """Where accepted batches lie until they are in the transcript. Every method raises StoreError when the store fails."""

    name: StoreName
    renewable: bool
    """Whether a lease can be renewed from another thread while the work goes on."""

    def claim(self, *, items: int = CLAIM_ITEMS) -> list[ClaimedBatch]:
        """Lease all that is due, oldest first, up to `items` items and `CLAIM_BYTES` bytes (at least one batch). Atomic."""

    def renew(self, batches: Sequence[ClaimedBatch]) -> None:
        """Start the leases anew, where they are still ours."""

    def done(self, batches: Sequence[ClaimedBatch]) -> None:
        """Remove batches whose work is committed, whoever holds them now."""

    def release(self, batches: Sequence[ClaimedBatch], *, delay_ms: int, counted: bool) -> None:
        """Give leases back, where they are still ours, to be claimed again after a delay; counted like an expired lease, or not.

        Not counted, the latest beginning of an item that is worked on alone counts as not made.
        """

    def begin_alone(self, batch: ClaimedBatch, item: int) -> Alone:
        """Note, durably and before it starts, that one item is worked on alone; renews the lease. Counts beginnings of the same item."""

    def backlog(self) -> Backlog:
        """What waits, and for how long."""
