"""Running quarantined callbacks again: decodes each as the door does now, puts it through the inbox, and only then marks it.

Dying between the two leaves an entry to be replayed twice, which is harmless: the transcript knows its id.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.batches import BatchItem, ItemKind
from schemas.callbacks import decode_callback
from schemas.clock import to_ms
from schemas.errors import MalformedCallback, SealError, SignatureMissing, SignatureWrong
from store import quarantine
from store.engine import Database
from store.inbox.database import DatabaseInbox
from store.inbox.sealed import seal_batch
from store.quarantine import Entry, EntryState
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring

BATCH_ENTRIES: Final = 64
_PAGE_ENTRIES: Final = 200
UNSIGNED_REASONS: Final = (SignatureMissing.code, SignatureWrong.code)


class Outcome(StrEnum):
    """What came of one entry."""

    REPLAYED = "replayed"
    WOULD_BE_REPLAYED = "would be replayed"
    MALFORMED = "still malformed"
    CONFLICT = "conflict"
    UNTRUSTED = "untrusted"
    NO_BODY = "no body"
    UNREADABLE = "unreadable"
    ALREADY = "already replayed"


REPLAYED: Final = (Outcome.REPLAYED, Outcome.WOULD_BE_REPLAYED, Outcome.ALREADY)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One entry, what came of it, and why, where it was not replayed."""

    entry: Entry
    outcome: Outcome
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayer:
    """What replaying needs. `trust_unsigned`: entries whose signature was missing or wrong are replayed, too."""

    database: Database
    keyring: Keyring
    digests: Digests
    trust_unsigned: bool
    dry_run: bool = False

    def replay(self, entries: Iterable[Entry], done: Callable[[int], None]) -> Iterator[Replayed]:
        """Replay entries, several in one batch. Raises StoreError; what was yielded by then is done."""
        batch: list[tuple[Entry, bytes]] = []
        for entry in entries:
            refused, body = self._judge(entry)
            if refused is None:
                batch.append((entry, body))
            else:
                yield refused
                done(1)
            if len(batch) >= BATCH_ENTRIES:
                yield from self._send(batch)
                done(len(batch))
                batch = []
        if batch:
            yield from self._send(batch)
            done(len(batch))

    def _judge(self, entry: Entry) -> tuple[Replayed | None, bytes]:
        """Why an entry cannot be replayed, or None and its body."""
        refusal = self._refusal(entry)
        if refusal is not None:
            return refusal, b""
        try:
            with self.database.read() as tx:
                body = quarantine.body_of(tx, entry.id, self.keyring) or b""
            decode_callback(body, received_at=entry.first_received_at)
        except SealError as error:
            return Replayed(entry, Outcome.UNREADABLE, error.message), b""
        except MalformedCallback as error:
            return Replayed(entry, Outcome.MALFORMED, error.message), b""
        return None, body

    def _refusal(self, entry: Entry) -> Replayed | None:
        if entry.state is EntryState.REPLAYED:
            return Replayed(entry, Outcome.ALREADY)
        if entry.reason == quarantine.CONFLICT:
            return Replayed(entry, Outcome.CONFLICT, "Its id belongs to a message with other values, and the first stands for ever.")
        if entry.reason in UNSIGNED_REASONS and not self.trust_unsigned:
            return Replayed(entry, Outcome.UNTRUSTED, "Signatures are required and its was missing or wrong.")
        if not entry.has_body:
            return Replayed(entry, Outcome.NO_BODY, "It came while quarantine was full, and only its digest was kept.")
        return None

    def _send(self, batch: Sequence[tuple[Entry, bytes]]) -> list[Replayed]:
        if self.dry_run:
            return [Replayed(entry, Outcome.WOULD_BE_REPLAYED) for entry, _ in batch]
        items = [BatchItem(ItemKind.MESSAGE, to_ms(entry.first_received_at), body) for entry, body in batch]
        marks = [self.digests.duplicate_mark(decode_callback(body, received_at=entry.first_received_at)) for entry, body in batch]
        DatabaseInbox(self.database).accept(seal_batch(items, marks, self.keyring))
        with self.database.begin() as tx:
            quarantine.mark_replayed(tx, [entry.id for entry, _ in batch])
        return [Replayed(entry, Outcome.REPLAYED) for entry, _ in batch]


def waiting_entries(database: Database, reason: str | None) -> Iterator[Entry]:
    """All entries that wait, or those of one reason, page by page."""
    after = None
    while True:
        with database.read() as tx:
            page = quarantine.entries(tx, reason=reason, state=EntryState.WAITING, after=after, limit=_PAGE_ENTRIES)
        yield from page
        if len(page) < _PAGE_ENTRIES:
            return
        after = page[-1].id
