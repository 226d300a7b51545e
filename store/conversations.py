"""Conversations: one row a masked session, which holds its data key and is the lock that orders work on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, case, select, update

from schemas.tables import UTCDateTime, conversations
from store.engine import Tx
from store.rows import insert_new
from store.sealing.keyring import DataKey, Keyring


@dataclass(frozen=True, slots=True)
class Growth:
    """What a batch adds to one conversation."""

    messages: int
    first_received_at: datetime
    last_received_at: datetime


def lock(tx: Tx, keyring: Keyring, session_reference_ids: Iterable[str], *, now: datetime) -> dict[str, DataKey]:
    """Create the conversations that are new and lock all of them in sorted order, until the transaction ends; their data keys.

    Inserting before locking, both sorted, cannot deadlock with another worker that does the same.
    """
    wanted = sorted(set(session_reference_ids))
    if not wanted:
        return {}
    rows = []
    for session_reference_id in wanted:
        key_id, wrapped_key = keyring.new_data_key(session_reference_id)
        rows.append(
            {
                "session_reference_id": session_reference_id,
                "key_id": key_id,
                "wrapped_key": wrapped_key,
                "message_count": 0,
                "first_received_at": now,
                "last_received_at": now,
            }
        )
    insert_new(tx, conversations, rows, key="session_reference_id")
    locked = tx.execute(
        select(conversations.c.session_reference_id, conversations.c.wrapped_key)
        .where(conversations.c.session_reference_id.in_(wanted))
        .order_by(conversations.c.session_reference_id)
        .with_for_update()
    )
    return {row.session_reference_id: keyring.unwrap(row.session_reference_id, row.wrapped_key) for row in locked}


def grow(tx: Tx, growth: Mapping[str, Growth]) -> None:
    """Count messages that were inserted."""
    if not growth:
        return
    table = conversations.c
    tx.execute(
        update(conversations)
        .where(table.session_reference_id == bindparam("session"))
        .values(
            message_count=table.message_count + bindparam("more"),
            first_received_at=case((table.message_count == 0, bindparam("first", type_=UTCDateTime)), else_=table.first_received_at),
            last_received_at=bindparam("last"),
        ),
        [
            {"session": session, "more": grown.messages, "first": grown.first_received_at, "last": grown.last_received_at}
            for session, grown in sorted(growth.items())
        ],
    )


def data_key(tx: Tx, keyring: Keyring, session_reference_id: str) -> DataKey | None:
    """The data key of a conversation; None where there is no such conversation. Raises SealError."""
    wrapped = tx.execute(
        select(conversations.c.wrapped_key).where(conversations.c.session_reference_id == session_reference_id)
    ).scalar_one_or_none()
    return None if wrapped is None else keyring.unwrap(session_reference_id, wrapped)
