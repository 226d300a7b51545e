"""Chooses the store that takes a batch: the proven one that the settings prefer, the other when that fails.

A store is used only while it is proven durable. The proof is made at start, again every `PROVE_EVERY_S`, and after every failure or
reconnection before the store is used again, so that a server that came back with other settings is noticed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from receiver.breaker import Breaker
from schemas.clock import monotonic_s
from schemas.errors import NoStoreAccepts, StoreError, StoreFull, StoreUnreachable
from schemas.settings import AckStore
from store.durability import Proof
from store.inbox.batches import SealedBatch, Seen, StoreName

log = structlog.get_logger(__name__)

PROVE_EVERY_S: Final = 30.0
LOOK_EVERY_S: Final = 0.1
PROOF_WITHIN_S: Final = 3.0

Accept = Callable[[SealedBatch], Awaitable[tuple[Seen, ...]]]
Prove = Callable[[], Awaitable[Proof]]


@dataclass(slots=True)
class Candidate:
    """A store that can take batches. `accept` and `prove` raise StoreError."""

    name: StoreName
    accept: Accept
    prove: Prove
    breaker: Breaker = field(default_factory=Breaker)
    proof: Proof = field(default_factory=lambda: Proof(proven=False, reasons=("not looked at yet",)))
    prove_again_at_s: float = 0.0

    @property
    def accepts(self) -> bool:
        """Whether the next batch would be sent here."""
        return self.proof.proven and self.breaker.lets_through


class Stores:
    """The candidates in the order of preference. `only_watched`: those that are proven like the others, and never given a batch."""

    def __init__(
        self, candidates: list[Candidate], *, failed: Callable[[StoreName, str], None], only_watched: Sequence[Candidate] = ()
    ) -> None:
        self.candidates = candidates
        self._watched = (*candidates, *only_watched)
        self._failed = failed

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Prove every store once, then watch them until the block ends."""
        await asyncio.gather(*(self._prove(candidate) for candidate in self._watched))
        watches = [asyncio.create_task(self._watch(candidate)) for candidate in self._watched]
        try:
            yield
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def accept(self, batch: SealedBatch) -> tuple[StoreName, tuple[Seen, ...]]:
        """Store a batch durably: which store took it, and what its duplicate marks said. Raises NoStoreAccepts."""
        for candidate in self.candidates:
            if not candidate.accepts:
                continue
            try:
                seen = await candidate.accept(batch)
            except StoreError as error:
                self._note_failure(candidate, error)
            except Exception as error:  # noqa: BLE001  the other store may well take it
                self._note_failure(candidate, StoreUnreachable(f"The store failed ({type(error).__name__})."))
            else:
                candidate.breaker.succeeded()
                return candidate.name, seen
        raise NoStoreAccepts

    async def look(self, *, within_s: float) -> None:
        """Prove every store anew, at the same time. One that takes longer stays what it was: looking must take no slow store out of use."""
        await asyncio.gather(*(self._look(candidate, within_s) for candidate in self.candidates))

    def _note_failure(self, candidate: Candidate, error: StoreError) -> None:
        self._failed(candidate.name, error.code)
        log.warning("batch_not_stored", store=candidate.name.value, code=error.code, reason=error.message)
        if not isinstance(error, StoreFull):
            candidate.breaker.failed(monotonic_s())

    async def _watch(self, candidate: Candidate) -> None:
        """Each store has its own watch: one that hangs must not keep the other from being proven again."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_s = monotonic_s()
            if candidate.breaker.may_probe(now_s) or now_s >= candidate.prove_again_at_s:
                await self._prove(candidate)

    async def _look(self, candidate: Candidate, within_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._prove(candidate)

    async def _prove(self, candidate: Candidate) -> None:
        try:
            async with asyncio.timeout(PROOF_WITHIN_S):
                proof = await candidate.prove()
        except StoreError as error:
            proof = Proof(proven=False, reasons=(error.message,))
        except TimeoutError:
            proof = Proof(proven=False, reasons=("no answer in time",))
        except Exception as error:  # noqa: BLE001  whatever it is, the watch must go on, and the store is not proven
            proof = Proof(proven=False, reasons=(f"the proof failed ({type(error).__name__})",))
        now_s = monotonic_s()
        if proof != candidate.proof:
            log.info("store_proof", store=candidate.name.value, proven=proof.proven, reasons=proof.reasons)
        candidate.proof = proof
        candidate.prove_again_at_s = now_s + PROVE_EVERY_S
        if proof.proven:
            candidate.breaker.proven()
        else:
            candidate.breaker.failed(now_s)


def preferred(ack: AckStore) -> tuple[StoreName, ...]:
    """The stores that may acknowledge, in order of preference."""
    match ack:
        case AckStore.AUTO:
            return (StoreName.REDIS, StoreName.DATABASE)
        case AckStore.REDIS:
            return (StoreName.REDIS,)
        case AckStore.DATABASE:
            return (StoreName.DATABASE,)
