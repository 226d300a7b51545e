"""Transcripts: the messages of a conversation, sealed one by one, in the order in which they were submitted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import func, literal, select, tuple_

from schemas.messages import MoMessage, Note
from schemas.tables import UTCDateTime, messages
from store.engine import Tx
from store.sealing.digests import Digests
from store.sealing.keyring import DataKey

PAGE_MESSAGES: Final = 500


def add(tx: Tx, new: Sequence[MoMessage], keys: Mapping[str, DataKey], digests: Digests) -> None:
    """Write messages whose ids this transaction has just registered."""
    if not new:
        return
    tx.execute(
        messages.insert(),
        [
            {
                "session_reference_id": message.session_reference_id,
                "submitted_at": message.submitted_at,
                "mo_reference_id": message.mo_reference_id,
                "received_at": message.received_at,
                "from_index": digests.of_phone_number(message.from_phone_number),
                "to_index": digests.of_phone_number(message.to_phone_number),
                "sealed": keys[message.session_reference_id].seal("messages", message.mo_reference_id, _private(message)),
            }
            for message in new
        ],
    )


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a transcript a message stands: what a page begins behind."""

    submitted_at: datetime
    mo_reference_id: str


def page(tx: Tx, session_reference_id: str, key: DataKey, *, behind: Position | None = None, limit: int = PAGE_MESSAGES) -> list[MoMessage]:
    """Messages of a transcript in submit order, from the one behind a position on; fewer than `limit` where it ends."""
    statement = (
        select(messages)
        .where(messages.c.session_reference_id == session_reference_id)
        .order_by(messages.c.submitted_at, messages.c.mo_reference_id)
        .limit(limit)
    )
    if behind is not None:
        statement = statement.where(
            tuple_(messages.c.submitted_at, messages.c.mo_reference_id)
            > tuple_(literal(behind.submitted_at, UTCDateTime), literal(behind.mo_reference_id))
        )
    return [message_of(row, key) for row in tx.execute(statement)]


def read(tx: Tx, session_reference_id: str, key: DataKey, *, page_messages: int = PAGE_MESSAGES) -> Iterator[MoMessage]:
    """A whole transcript in submit order, read page by page along one index range."""
    behind = None
    while True:
        found = page(tx, session_reference_id, key, behind=behind, limit=page_messages)
        yield from found
        if len(found) < page_messages:
            return
        behind = Position(found[-1].submitted_at, found[-1].mo_reference_id)


def sessions_of(tx: Tx, phone_index: bytes) -> list[str]:
    """The sessions in which a phone number, given by its blind index, wrote or was written to; the latest first."""
    rows = tx.execute(
        select(messages.c.session_reference_id)
        .where((messages.c.from_index == phone_index) | (messages.c.to_index == phone_index))
        .group_by(messages.c.session_reference_id)
        .order_by(func.max(messages.c.submitted_at).desc())
    )
    return list(rows.scalars())


def _private(message: MoMessage) -> bytes:
    return orjson.dumps(
        {
            "text": message.text,
            "from": message.from_phone_number,
            "to": message.to_phone_number,
            "submit_timestamp": message.submit_timestamp,
            "notes": message.notes,
            "raw": message.raw,
        }
    )


def message_of(row: Any, key: DataKey) -> MoMessage:
    """The message of a row of `messages`. Raises SealError."""
    private = orjson.loads(key.open("messages", row.mo_reference_id, row.sealed))
    return MoMessage(
        mo_reference_id=row.mo_reference_id,
        session_reference_id=row.session_reference_id,
        submit_timestamp=private["submit_timestamp"],
        submitted_at=row.submitted_at,
        from_phone_number=private["from"],
        to_phone_number=private["to"],
        text=private["text"],
        received_at=row.received_at,
        notes=tuple(Note(note) for note in private["notes"]),
        raw=private["raw"],
    )
