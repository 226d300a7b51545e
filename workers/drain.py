"""Drains an inbox: claim, transcribe, done. Here it is decided what a failure means.

A store that fails gives every lease back uncounted: the messages are not to blame. Anything else counts: a lease that ran out because
its worker died, or an exception that a message may have caused. A batch that failed twice is run item by item, each noted before it is
begun; an item that was begun twice and never ended is poison and goes to quarantine, and its batch-mates go on. Such a run begins where
the one before it broke off: what stands before the noted item is done.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import structlog

from schemas.batches import BatchItem, ItemKind
from schemas.clock import cpu_s, from_ms, monotonic_s, utcnow
from schemas.errors import KeyMissing, SealError, StoreError, StoreTimeout
from store import quarantine
from store.durability import commit_to_disk
from store.engine import Database
from store.inbox.batches import ClaimedBatch, Inbox
from store.inbox.sealed import UnknownFormat, open_batch
from workers.leases import renewed
from workers.results import Results
from workers.transcribe import Tools, transcribe

log = structlog.get_logger(__name__)

FAILURES_BEFORE_ALONE: Final = 2
BEGINNINGS_BEFORE_POISON: Final = 2
STORE_REST_MS: Final = 1_000
FAILURE_REST_MS: Final = 500
UNREADABLE_REST_MS: Final = 5_000
DRAIN_FOR_S: Final = 10.0
PIECE_BYTES: Final = 1024 * 1024
"""Most bytes of bodies in one transaction: screening them must take much less time than a transaction may."""


class WorkTooSlow(Exception):
    """The work itself used up the time of its transaction: it counts, for no store is to blame."""


class Drain:
    """Works through inboxes with one connection to the database. `publish` is called after each commit."""

    def __init__(self, database: Database, tools: Tools, *, publish: Callable[[Results], None]) -> None:
        self._database = database
        self._tools = tools
        self._publish = publish

    def run(self, inboxes: Iterable[Inbox], *, stop: Callable[[], bool], for_s: float = DRAIN_FOR_S) -> bool:
        """Work until nothing is due, the time is over or `stop` says so; whether nothing is due any more as far as is known."""
        ends_at_s = monotonic_s() + for_s
        drained = [self._drain(inbox, stop, ends_at_s) for inbox in inboxes]
        return all(drained)

    def _drain(self, inbox: Inbox, stop: Callable[[], bool], ends_at_s: float) -> bool:
        while not stop() and monotonic_s() < ends_at_s:
            try:
                claimed = inbox.claim()
                if not claimed:
                    return True
                with renewed(inbox, claimed), _given_back_when_a_store_fails(inbox, claimed):
                    self._work(inbox, claimed)
            except StoreError as error:
                log.warning("drain_paused", store=inbox.name.value, code=error.code, reason=error.message)
                return True
        return False

    def _work(self, inbox: Inbox, claimed: Sequence[ClaimedBatch]) -> None:
        # What failed before is due together: of two messages with one id the one that was accepted first is to stand all the same.
        in_order = sorted(claimed, key=lambda batch: batch.accepted_at_ms)
        readable = [(batch, items) for batch in in_order if (items := self._open(inbox, batch)) is not None]
        self._together(inbox, [(batch, items) for batch, items in readable if batch.expired < FAILURES_BEFORE_ALONE])
        for batch, items in readable:
            if batch.expired >= FAILURES_BEFORE_ALONE:
                self._one_by_one(inbox, batch, items)

    def _open(self, inbox: Inbox, batch: ClaimedBatch) -> list[BatchItem] | None:
        try:
            return open_batch(batch.id, batch.sealed, self._tools.keyring)
        except UnknownFormat:
            log.info("batch_of_another_release", batch=batch.id)
        except SealError as error:
            log.error("batch_does_not_open", batch=batch.id, reason=error.message)
        inbox.release([batch], delay_ms=UNREADABLE_REST_MS, counted=False)
        return None

    def _together(self, inbox: Inbox, readable: Sequence[tuple[ClaimedBatch, list[BatchItem]]]) -> None:
        if not readable:
            return
        batches = [batch for batch, _ in readable]
        with _counted_when_the_work_fails(inbox, batches):
            for at, piece in enumerate(_pieces([item for _, items in readable for item in items])):
                if at > 0:
                    inbox.renew(batches)
                self._transcribe(piece)
            inbox.done(batches)

    def _one_by_one(self, inbox: Inbox, batch: ClaimedBatch, items: Sequence[BatchItem]) -> None:
        log.warning("batch_run_alone", batch=batch.id, failures=batch.expired)
        first, begun = (0, 0) if batch.alone is None else (batch.alone.item, batch.alone.begun)
        with _counted_when_the_work_fails(inbox, [batch]):
            for at, item in enumerate(items[first:], start=first):
                if at == first and begun >= BEGINNINGS_BEFORE_POISON:
                    self._quarantine(item)
                elif not self._is_poison(item):
                    inbox.begin_alone(batch, at)
                    self._transcribe([item])
            inbox.done([batch])

    def _transcribe(self, items: Sequence[BatchItem]) -> None:
        began_s = cpu_s()
        try:
            with self._database.begin() as tx:
                commit_to_disk(tx)
                results = transcribe(tx, items, self._tools, now=utcnow())
        except StoreTimeout:
            if cpu_s() - began_s > self._database.within_s / 2:
                raise WorkTooSlow from None
            raise
        self._publish(results)

    def _quarantine(self, item: BatchItem) -> None:
        poison = quarantine.Received(quarantine.POISON, item.body, from_ms(item.received_at_ms), acknowledged=True)
        with self._database.begin() as tx:
            commit_to_disk(tx)
            quarantine.keep(tx, [poison], self._tools.keyring, self._tools.digests)
        log.error("poison_quarantined", entry=self._tools.digests.of_quarantined(poison.reason, poison.body).hex())
        self._publish(Results(poisoned=1))

    def _is_poison(self, item: BatchItem) -> bool:
        if item.kind is not ItemKind.MESSAGE:
            return False
        with self._database.read() as tx:
            return quarantine.is_waiting(tx, quarantine.POISON, item.body, self._tools.digests)


@contextlib.contextmanager
def _given_back_when_a_store_fails(inbox: Inbox, batches: Sequence[ClaimedBatch]) -> Iterator[None]:
    """Of what is done or given back already, nothing changes."""
    try:
        yield
    except StoreError:
        inbox.release(batches, delay_ms=STORE_REST_MS, counted=False)
        raise


@contextlib.contextmanager
def _counted_when_the_work_fails(inbox: Inbox, batches: Sequence[ClaimedBatch]) -> Iterator[None]:
    """Only an `Exception` is taken for a failure of the work; a signal or RQ's time-out passes, and the lease runs out."""
    try:
        yield
    except StoreError:
        raise
    except KeyMissing as error:
        # During a rotation another worker may have the key already: the message is not to blame.
        log.error("key_missing", reason=error.message)
        inbox.release(batches, delay_ms=UNREADABLE_REST_MS, counted=False)
    except Exception as error:  # noqa: BLE001  whatever a message causes must not stop the others
        log.error("batch_failed", batches=len(batches), error=type(error).__name__)
        inbox.release(batches, delay_ms=FAILURE_REST_MS, counted=True)


def _pieces(items: Sequence[BatchItem]) -> Iterator[list[BatchItem]]:
    """The items in order, in lists of at most `PIECE_BYTES`, or of one item."""
    piece: list[BatchItem] = []
    size_bytes = 0
    for item in items:
        if piece and size_bytes + len(item.body) > PIECE_BYTES:
            yield piece
            piece, size_bytes = [], 0
        piece.append(item)
        size_bytes += len(item.body)
    if piece:
        yield piece
