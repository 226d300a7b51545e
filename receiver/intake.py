"""Group commit: what arrives while a commit is in flight is committed together next; an idle receiver commits at once.

All callers of one batch wait on one future. Each learns what the duplicate marks said of its own item.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from receiver.stores import Stores
from schemas.batches import BatchItem
from schemas.errors import NoStoreAccepts, ShuttingDown, Unavailable
from store.inbox.batches import DuplicateMark, Seen, StoreName
from store.inbox.sealed import seal_batch
from store.sealing.keyring import Keyring

log = structlog.get_logger(__name__)

MOST_ITEMS: Final = 512
MOST_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Accepted:
    """The item lies in a durable store. `seen`: what the duplicate marks said of it."""

    seen: Seen
    store: StoreName


class _Outcome(asyncio.Future[tuple[StoreName, tuple[Seen, ...]]]):
    """A batch's result. A caller that is cancelled must not cancel it for the others."""

    def cancel(self, msg: Any = None) -> bool:
        return False


class _Gathering:
    """The items of one batch that is not committed yet; equal items take one place."""

    def __init__(self) -> None:
        self.items: list[BatchItem] = []
        self.marks: list[DuplicateMark] = []
        self.outcome = _Outcome()
        self._size_bytes = 0
        self._at: dict[DuplicateMark, int] = {}

    @property
    def is_full(self) -> bool:
        return len(self.items) >= MOST_ITEMS or self._size_bytes >= MOST_BYTES

    def add(self, item: BatchItem, mark: DuplicateMark) -> tuple[int, bool]:
        """The item's place in the batch, and whether an equal one took it before."""
        known = self._at.get(mark)
        if known is not None:
            return known, True
        self._at[mark] = place = len(self.items)
        self.items.append(item)
        self.marks.append(mark)
        self._size_bytes += len(item.body)
        return place, False


class Intake:
    """Takes items one by one and commits them in batches, one commit at a time."""

    def __init__(self, stores: Stores, keyring: Keyring, *, ring: Callable[[], None], batch_committed: Callable[[int], None]) -> None:
        self._stores = stores
        self._keyring = keyring
        self._ring = ring
        self._batch_committed = batch_committed
        self._waiting: deque[_Gathering] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._closed = False

    async def accept(self, item: BatchItem, mark: DuplicateMark) -> Accepted:
        """Return once the item lies in a store that is proven durable. Raises Unavailable: then it was not acknowledged by us."""
        if self._closed:
            raise ShuttingDown
        if not self._waiting or self._waiting[-1].is_full:
            self._waiting.append(_Gathering())
        gathering = self._waiting[-1]
        place, is_repeated = gathering.add(item, mark)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        store, seen = await gathering.outcome
        return Accepted(Seen.DUPLICATE if is_repeated else seen[place], store)

    async def close(self) -> None:
        """Take nothing more, and return when what was taken is committed or refused."""
        self._closed = True
        if self._committing is not None:
            await self._committing

    async def _commit_all(self) -> None:
        while self._waiting:
            gathering = self._waiting.popleft()
            try:
                gathering.outcome.set_result(await self._commit(gathering))
            except Unavailable as error:
                self._refuse(gathering, error)
            except asyncio.CancelledError:
                # The process ends at once: nobody may be left waiting for what will not come.
                for unfinished in (gathering, *self._waiting):
                    self._refuse(unfinished, ShuttingDown())
                self._waiting.clear()
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, the callers must be told, and the next batch go on
                log.error("commit_failed", error=type(error).__name__)
                self._refuse(gathering, NoStoreAccepts())
        self._committing = None

    async def _commit(self, gathering: _Gathering) -> tuple[StoreName, tuple[Seen, ...]]:
        batch = seal_batch(gathering.items, gathering.marks, self._keyring)
        store, seen = await self._stores.accept(batch)
        self._batch_committed(batch.item_count)
        if any(one is not Seen.DUPLICATE for one in seen):
            self._ring()
        return store, seen

    def _refuse(self, gathering: _Gathering, error: Unavailable) -> None:
        gathering.outcome.set_exception(error)
        gathering.outcome.exception()  # Every caller may have gone away: then nobody else would look at it.
