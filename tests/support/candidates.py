"""Stores for tests of what chooses between stores: values that answer as they are told. The real ones have tests of their own."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from receiver.stores import Candidate
from store.durability import Proof
from store.inbox.batches import SealedBatch, Seen, StoreName

PROVEN = Proof(proven=True)
NOT_PROVEN = Proof(proven=False, reasons=("no append-only file",))


@dataclass(slots=True)
class ScriptedStore:
    """Answers with each of `answers` in turn, then takes everything; proves itself with each of `proofs`, then with the last again.

    An answer of None takes the batch; an exception is raised. `hold`, where set, is waited for before each answer.
    """

    name: StoreName
    answers: Iterable[BaseException | None] = ()
    proofs: Iterable[Proof | BaseException] = (PROVEN,)
    hold: asyncio.Event | None = None
    taken: list[SealedBatch] = field(default_factory=list)
    proof_count: int = 0
    _answers: Iterator[BaseException | None] = field(init=False)
    _proofs: Iterator[Proof | BaseException] = field(init=False)
    _latest: Proof | BaseException = PROVEN

    def __post_init__(self) -> None:
        self._answers, self._proofs = iter(self.answers), iter(self.proofs)

    def candidate(self) -> Candidate:
        """This store, as the receiver knows it."""
        return Candidate(self.name, self._accept, self._prove)

    async def _accept(self, batch: SealedBatch) -> tuple[Seen, ...]:
        if self.hold is not None:
            await self.hold.wait()
        answer = next(self._answers, None)
        if answer is not None:
            raise answer
        self.taken.append(batch)
        return (Seen.NEW,) * batch.item_count

    async def _prove(self) -> Proof:
        self.proof_count += 1
        self._latest = next(self._proofs, self._latest)
        if isinstance(self._latest, BaseException):
            raise self._latest
        return self._latest
