"""The table that decides for ever whether a message is new, a duplicate or a conflict. Its rows outlive the messages."""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import select

from schemas.messages import MoMessage
from schemas.tables import message_ids
from store.engine import Tx
from store.rows import insert_new
from store.sealing.digests import Digests


class Verdict(StrEnum):
    """NEW: ours to screen. DUPLICATE: the same six values are there. CONFLICT: the id is taken by other values; the first stand."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


def register(tx: Tx, messages: Sequence[MoMessage], digests: Digests) -> list[Verdict]:
    """Write the ids that are new and judge every message, in the order given. First thing in a worker's transaction."""
    digest_of = [digests.of_message(message) for message in messages]
    first_at: dict[str, int] = {}
    for at, message in enumerate(messages):
        first_at.setdefault(message.mo_reference_id, at)
    inserted = insert_new(
        tx,
        message_ids,
        [
            {
                "mo_reference_id": mo_reference_id,
                "session_reference_id": messages[at].session_reference_id,
                "digest": digest_of[at],
                "received_at": messages[at].received_at,
            }
            for mo_reference_id, at in sorted(first_at.items())
        ],
        key="mo_reference_id",
    )
    standing = _standing(tx, sorted(first_at.keys() - inserted))
    standing |= {mo_reference_id: digest_of[first_at[mo_reference_id]] for mo_reference_id in inserted}
    return [
        Verdict.NEW
        if message.mo_reference_id in inserted and first_at[message.mo_reference_id] == at
        else Verdict.DUPLICATE
        if standing[message.mo_reference_id] == digest_of[at]
        else Verdict.CONFLICT
        for at, message in enumerate(messages)
    ]


def _standing(tx: Tx, mo_reference_ids: Sequence[str]) -> dict[str, bytes]:
    if not mo_reference_ids:
        return {}
    rows = tx.execute(
        select(message_ids.c.mo_reference_id, message_ids.c.digest).where(message_ids.c.mo_reference_id.in_(mo_reference_ids))
    )
    return {row.mo_reference_id: row.digest for row in rows}
