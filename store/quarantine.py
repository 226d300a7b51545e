"""Quarantine: what was received and could not be understood or trusted, sealed, one copy per digest, capped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import case, func, select, update

from schemas.tables import quarantine
from store.engine import Tx
from store.rows import upsert_into
from store.sealing.digests import Digests
from store.sealing.keyring import KEY_ID_BYTES, Keyring

CAP_ENTRIES: Final = 10_000
"""Beyond this many bodies that wait the next refused ones are counted with their digest, but their bodies are not kept."""
CONFLICT: Final = "conflict"
"""Reason of a message whose id was taken by a message with other values."""
POISON: Final = "poison"
"""Reason of a message that stopped the workers which tried it."""


class EntryState(StrEnum):
    """WAITING: for somebody to look at. REPLAYED: sent through the inbox again."""

    WAITING = "waiting"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Received:
    """A body to be kept, and the code that says why. `acknowledged`: it was answered 200, so it is kept however many wait."""

    reason: str
    body: bytes
    received_at: datetime
    acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of quarantine. `has_body`: false where it came while quarantine was full."""

    id: str
    reason: str
    state: EntryState
    copies: int
    size_bytes: int
    first_received_at: datetime
    last_received_at: datetime
    has_body: bool


def keep(tx: Tx, received: Sequence[Received], keyring: Keyring, digests: Digests) -> int:
    """Keep bodies, each once; another copy only counts and waits again. Returns how many entries were left without their body."""
    if not received:
        return 0
    copies: dict[str, list[Received]] = {}
    for one in received:
        copies.setdefault(digests.of_quarantined(one.reason, one.body).hex(), []).append(one)
    kept, room = _with_body(tx, copies), CAP_ENTRIES - _bodies_that_wait(tx)
    rows, without_body = [], 0
    for entry_id, alike in copies.items():
        sealed = None
        if entry_id not in kept:
            if room > 0 or any(one.acknowledged for one in alike):
                sealed, room = keyring.seal("quarantine", entry_id, alike[0].body), room - 1
            else:
                without_body += 1
        rows.append(_row(entry_id, alike, sealed))
    statement = upsert_into(tx, quarantine)
    new, has_body = statement.excluded, quarantine.c.sealed.is_not(None)
    statement = statement.on_conflict_do_update(
        index_elements=[quarantine.c.id],
        set_={
            "copies": quarantine.c.copies + new.copies,
            "last_received_at": new.last_received_at,
            "state": EntryState.WAITING.value,
            "key_id": case((has_body, quarantine.c.key_id), else_=new.key_id),
            "sealed": case((has_body, quarantine.c.sealed), else_=new.sealed),
        },
    )
    tx.execute(statement, sorted(rows, key=lambda row: str(row["id"])))
    return without_body


def is_waiting(tx: Tx, reason: str, body: bytes, digests: Digests) -> bool:
    """Whether this body waits in quarantine for this reason."""
    entry_id = digests.of_quarantined(reason, body).hex()
    state = tx.execute(select(quarantine.c.state).where(quarantine.c.id == entry_id)).scalar_one_or_none()
    return state == EntryState.WAITING.value


def entries(
    tx: Tx, *, reason: str | None = None, state: EntryState | None = None, after: str | None = None, limit: int = 100
) -> list[Entry]:
    """Entries ordered by id, from the one behind `after` on."""
    statement = select(quarantine).order_by(quarantine.c.id).limit(limit)
    if reason is not None:
        statement = statement.where(quarantine.c.reason == reason)
    if state is not None:
        statement = statement.where(quarantine.c.state == state.value)
    if after is not None:
        statement = statement.where(quarantine.c.id > after)
    return [_entry(row) for row in tx.execute(statement)]


def entry(tx: Tx, entry_id: str) -> Entry | None:
    """One entry; None where there is none of that id."""
    row = tx.execute(select(quarantine).where(quarantine.c.id == entry_id)).first()
    return None if row is None else _entry(row)


def body_of(tx: Tx, entry_id: str, keyring: Keyring) -> bytes | None:
    """The raw body of an entry; None where it was not kept. Raises SealError."""
    sealed = tx.execute(select(quarantine.c.sealed).where(quarantine.c.id == entry_id)).scalar_one_or_none()
    return None if sealed is None else keyring.open("quarantine", entry_id, sealed)


def mark_replayed(tx: Tx, entry_ids: Sequence[str]) -> None:
    """Note that entries were sent through the inbox again."""
    tx.execute(update(quarantine).where(quarantine.c.id.in_(entry_ids)).values(state=EntryState.REPLAYED.value))


def counts(tx: Tx) -> dict[str, int]:
    """How many entries wait, by reason."""
    rows = tx.execute(
        select(quarantine.c.reason, func.count())
        .where(quarantine.c.state == EntryState.WAITING.value)
        .group_by(quarantine.c.reason)
        .order_by(quarantine.c.reason)
    )
    return {row[0]: row[1] for row in rows}


def _with_body(tx: Tx, entry_ids: Iterable[str]) -> set[str]:
    return set(tx.execute(select(quarantine.c.id).where(quarantine.c.id.in_(list(entry_ids)), quarantine.c.sealed.is_not(None))).scalars())


def _bodies_that_wait(tx: Tx) -> int:
    waiting = (quarantine.c.state == EntryState.WAITING.value) & quarantine.c.sealed.is_not(None)
    return int(tx.execute(select(func.count()).select_from(quarantine).where(waiting)).scalar_one())


def _row(entry_id: str, alike: Sequence[Received], sealed: bytes | None) -> dict[str, Any]:
    return {
        "id": entry_id,
        "reason": alike[0].reason,
        "state": EntryState.WAITING.value,
        "copies": len(alike),
        "size_bytes": len(alike[0].body),
        "first_received_at": alike[0].received_at,
        "last_received_at": alike[-1].received_at,
        "key_id": sealed[:KEY_ID_BYTES] if sealed else b"",
        "sealed": sealed,
    }


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        reason=row.reason,
        state=EntryState(row.state),
        copies=row.copies,
        size_bytes=row.size_bytes,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        has_body=row.sealed is not None,
    )
