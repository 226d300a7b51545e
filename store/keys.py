"""Which keys this database was written with: remembered, compared, counted, and changed by rotation.

The index key never changes: every digest and blind index rests on it, so its public name is written down on first use. Encryption
keys are told by what they sealed: the data keys of conversations, the bodies in quarantine, and the batches that wait.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Table, bindparam, func, select, text, update

from schemas import keys
from schemas.clock import utcnow
from schemas.errors import KeyMismatch, SealError
from schemas.tables import conversations, inbox_batches, key_checks, quarantine
from store.engine import Database, Tx
from store.inbox.scripts import script
from store.redis_client import redis_errors
from store.sealing.keyring import KEY_ID_BYTES, Keyring

if TYPE_CHECKING:
    import redis

ROTATE_ROWS: Final = 500
_INDEX: Final = "index"
_SCAN_BATCHES: Final = 500


class Sealed(StrEnum):
    """What is sealed under the ring itself."""

    CONVERSATIONS = "conversations"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How much one encryption key still holds. `waiting`: batches in the inboxes."""

    key_id: bytes
    conversations: int = 0
    quarantined: int = 0
    waiting: int = 0

    @property
    def is_used(self) -> bool:
        """Whether anything would be unreadable without the key."""
        return bool(self.conversations or self.quarantined or self.waiting)


@dataclass(slots=True)
class Rotation:
    """The state of a rotation of one kind of rows. `unreadable`: rows that no key of the ring opens, left as they are."""

    what: Sealed
    done: int = 0
    unreadable: set[str] = field(default_factory=set)


def check_keys(database: Database, keyring: Keyring, index_key_id: bytes, *, now: datetime | None = None) -> None:
    """Return if these are the keys of this database; the first index key that is ever checked is the one from then on.

    Raises KeyMismatch saying what to do, or StoreError.
    """
    with database.read() as tx:
        standing = remembered_index_key(tx)
        problems = _problems(tx, keyring, index_key_id, standing)
    if problems:
        raise KeyMismatch("\n".join(problems))
    if standing is None:
        _remember(database, index_key_id, now or utcnow())


def key_problems(tx: Tx, keyring: Keyring, index_key_id: bytes) -> tuple[str, ...]:
    """What `check_keys` would refuse, without writing anything down."""
    return _problems(tx, keyring, index_key_id, remembered_index_key(tx))


def remembered_index_key(tx: Tx) -> bytes | None:
    """The public name of the index key that this database was written with; None before its first use."""
    return tx.execute(select(key_checks.c.key_id).where(key_checks.c.purpose == _INDEX)).scalars().first()


def used_key_ids(tx: Tx) -> frozenset[bytes]:
    """The encryption keys that conversations and quarantine need. A few index look-ups, however many rows there are."""
    return frozenset({*_distinct(tx, conversations.c.key_id), *_distinct(tx, quarantine.c.key_id)} - {b""})


def key_uses(tx: Tx) -> dict[bytes, KeyUse]:
    """How much each encryption key holds in the database, its inbox included. Counts every row."""
    wrapped = _count_by(tx, conversations.c.key_id)
    quarantined = _count_by(tx, quarantine.c.key_id)
    # A batch begins with one byte for its format.
    waiting = _count_by(tx, func.substr(inbox_batches.c.sealed, 2, KEY_ID_BYTES))
    return {
        key_id: KeyUse(key_id, wrapped[key_id], quarantined[key_id], waiting[key_id])
        for key_id in sorted({*wrapped, *quarantined, *waiting} - {b""})
    }


def waiting_in_redis(client: "redis.Redis") -> Counter[bytes]:
    """How many batches wait in Redis, by the key that sealed them. Raises StoreError."""
    scan = client.register_script(script("key_ids"))
    found: Counter[bytes] = Counter()
    cursor = b"0"
    with redis_errors():
        while True:
            reply: Any = scan(keys=[keys.INBOX_BATCHES], args=[cursor, _SCAN_BATCHES, KEY_ID_BYTES])
            cursor, key_ids = reply
            found.update(key_ids)
            if cursor == b"0":
                return found


def left_to_rotate(tx: Tx, keyring: Keyring, what: Sealed) -> int:
    """How many rows are sealed with a key of the ring that is not its first."""
    table, _ = _TABLES[what]
    return int(tx.execute(select(func.count()).select_from(table).where(table.c.key_id.in_(_old(keyring)))).scalar_one())


def rotate_some(tx: Tx, keyring: Keyring, rotation: Rotation, *, rows: int = ROTATE_ROWS) -> int:
    """Seal up to `rows` rows anew under the ring's first key, passing over those that a worker holds; how many it took up.

    Each call is one transaction: interrupted at any point, the rotation goes on where it stood. Data keys stay what they are; only
    what wraps them changes, so that nothing that was written under them is touched.
    """
    table, column = _TABLES[rotation.what]
    row_id = table.primary_key.columns[0]
    statement = select(row_id, column).where(table.c.key_id.in_(_old(keyring)), column.is_not(None))
    if rotation.unreadable:
        statement = statement.where(row_id.not_in(sorted(rotation.unreadable)))
    found = tx.execute(statement.limit(rows).with_for_update(skip_locked=True)).all()
    changed = []
    for name, sealed in found:
        try:
            key_id, anew = _anew(keyring, rotation.what, name, sealed)
        except SealError:
            rotation.unreadable.add(name)
        else:
            changed.append({"row": name, "new_key_id": key_id, "anew": anew})
    if changed:
        tx.execute(
            update(table).where(row_id == bindparam("row")).values({table.c.key_id: bindparam("new_key_id"), column: bindparam("anew")}),
            changed,
        )
    rotation.done += len(changed)
    return len(found)


_TABLES: Final[dict[Sealed, tuple[Table, Column[Any]]]] = {
    Sealed.CONVERSATIONS: (conversations, conversations.c.wrapped_key),
    Sealed.QUARANTINE: (quarantine, quarantine.c.sealed),
}


def _anew(keyring: Keyring, what: Sealed, name: str, sealed: bytes) -> tuple[bytes, bytes]:
    if what is Sealed.CONVERSATIONS:
        return keyring.rewrap(name, sealed)
    return keyring.sealing_id, keyring.seal("quarantine", name, keyring.open("quarantine", name, sealed))


def _old(keyring: Keyring) -> list[bytes]:
    return sorted(keyring.ids - {keyring.sealing_id})


def _problems(tx: Tx, keyring: Keyring, index_key_id: bytes, standing: bytes | None) -> tuple[str, ...]:
    problems = []
    if standing not in (None, index_key_id):
        problems.append(
            f"CROSSLINE_INDEX_KEY is another key ({index_key_id.hex()}) than the one this database was written with ({standing.hex()}).\n"
            "Put the first one back: with another, duplicates are not recognised and no phone number is found. It never rotates."
        )
    missing = sorted(used_key_ids(tx) - keyring.ids)
    if missing:
        names = ", ".join(key_id.hex() for key_id in missing)
        problems.append(
            f"CROSSLINE_ENCRYPTION_KEYS lacks a key that data is sealed with ({names}).\n"
            "Add it behind the first one; `crossline keys rotate` then frees it."
        )
    return tuple(problems)


def _remember(database: Database, index_key_id: bytes, now: datetime) -> None:
    """Write the index key down, unless another process was first: then it is compared with that one's. Raises KeyMismatch."""
    with database.begin() as tx:
        if not database.is_sqlite:
            # The one row that is always there makes processes that start together write one after the other.
            tx.execute(text("SELECT version_num FROM alembic_version FOR UPDATE"))
        standing = remembered_index_key(tx)
        if standing is None:
            tx.execute(key_checks.insert().values(purpose=_INDEX, key_id=index_key_id, first_seen_at=now))
    if standing not in (None, index_key_id):
        raise KeyMismatch("Another process has just started with another CROSSLINE_INDEX_KEY: give all processes the same one.")


def _count_by(tx: Tx, expression: Any) -> Counter[bytes]:
    return Counter({bytes(row[0]): row[1] for row in tx.execute(select(expression, func.count()).group_by(expression))})


def _distinct(tx: Tx, column: Column[bytes]) -> Iterator[bytes]:
    """The values of an indexed column, one look-up for each."""
    statement = select(column).order_by(column).limit(1)
    value = tx.execute(statement).scalars().first()
    while value is not None:
        yield bytes(value)
        value = tx.execute(statement.where(column > value)).scalars().first()
