"""Transcripts: the messages of a conversation, sealed one by one, in the order in which they were submitted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import String, case, column, func, literal, select, tuple_, values

from schemas.messages import MoMessage, Note
from schemas.tables import UTCDateTime, messages
from store.engine import Tx
from store.sealing.digests import Digests
from store.sealing.keyring import DataKey

CONTEXT_MESSAGES: Final = 30
"""How many stored messages on either side of the new ones screening may look at."""
CONTEXT_WITHIN: Final = timedelta(hours=24)
"""Stored messages further away in time than this are no context."""
PAGE_MESSAGES: Final = 500
_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
_LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when the new messages of one conversation were submitted."""

    first: datetime
    last: datetime


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


def around(tx: Tx, spans: Mapping[str, Span], keys: Mapping[str, DataKey]) -> dict[str, list[MoMessage]]:
    """Stored messages near the new ones, by conversation and in submit order: those before, between and after, later arrivals too."""
    if not spans:
        return {}
    wanted = (
        values(column("session", String), column("first", UTCDateTime), column("last", UTCDateTime))
        .data([(session, span.first, span.last) for session, span in spans.items()])
        .cte("wanted")
    )
    side = case((messages.c.submitted_at < wanted.c.first, -1), (messages.c.submitted_at > wanted.c.last, 1), else_=0)
    near = (
        select(
            messages,
            side.label("side"),
            func.row_number()
            .over(partition_by=(messages.c.session_reference_id, side), order_by=messages.c.submitted_at.desc())
            .label("back"),
            func.row_number().over(partition_by=(messages.c.session_reference_id, side), order_by=messages.c.submitted_at).label("forth"),
        )
        .join(wanted, messages.c.session_reference_id == wanted.c.session)
        .where(messages.c.submitted_at.between(*_reach(spans.values())))
        .subquery()
    )
    rows = tx.execute(
        select(near)
        .where(((near.c.side <= 0) & (near.c.back <= CONTEXT_MESSAGES)) | ((near.c.side == 1) & (near.c.forth <= CONTEXT_MESSAGES)))
        .order_by(near.c.session_reference_id, near.c.submitted_at, near.c.mo_reference_id)
    )
    found: dict[str, list[MoMessage]] = {}
    for row in rows:
        found.setdefault(row.session_reference_id, []).append(_message(row, keys[row.session_reference_id]))
    return found


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
    return [_message(row, key) for row in tx.execute(statement)]


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


def _reach(spans: Iterable[Span]) -> tuple[datetime, datetime]:
    """From when to when there is context for any of the spans. A sender's clock may say any year: it never leaves the calendar."""
    firsts, lasts = zip(*((span.first, span.last) for span in spans), strict=True)
    first = max(min(firsts), _FIRST_INSTANT + CONTEXT_WITHIN)
    last = min(max(lasts), _LAST_INSTANT - CONTEXT_WITHIN)
    return first - CONTEXT_WITHIN, last + CONTEXT_WITHIN


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


def _message(row: Any, key: DataKey) -> MoMessage:
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


def spans_of(new: Iterable[MoMessage]) -> dict[str, Span]:
    """By conversation, from when to when its new messages were submitted."""
    spans: dict[str, Span] = {}
    for message in new:
        known = spans.get(message.session_reference_id)
        at = message.submitted_at
        spans[message.session_reference_id] = Span(at, at) if known is None else Span(min(known.first, at), max(known.last, at))
    return spans
