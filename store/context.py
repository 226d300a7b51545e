"""Context: the stored messages around new ones, which screening may look at to find what is split over messages."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import DateTime, FromClause, String, bindparam, case, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB

from schemas.messages import MoMessage
from schemas.tables import messages
from store.engine import Tx
from store.sealing.keyring import DataKey
from store.transcripts import message_of

CONTEXT_MESSAGES: Final = 30
"""How many stored messages before, between and behind the new ones screening may look at."""
CONTEXT_WITHIN: Final = timedelta(hours=24)
"""Stored messages further away in time than this are no context."""
_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
_LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when the new messages of one conversation were submitted."""

    first: datetime
    last: datetime

    @property
    def reach(self) -> tuple[datetime, datetime]:
        """From when to when there is context. A sender's clock may say any year: this never leaves the calendar."""
        first = max(self.first, _FIRST_INSTANT + CONTEXT_WITHIN) - CONTEXT_WITHIN
        last = min(self.last, _LAST_INSTANT - CONTEXT_WITHIN) + CONTEXT_WITHIN
        return first, last


def spans_of(new: Iterable[MoMessage]) -> dict[str, Span]:
    """By conversation, from when to when its new messages were submitted."""
    spans: dict[str, Span] = {}
    for message in new:
        known = spans.get(message.session_reference_id)
        at = message.submitted_at
        spans[message.session_reference_id] = Span(at, at) if known is None else Span(min(known.first, at), max(known.last, at))
    return spans


def around(tx: Tx, spans: Mapping[str, Span], keys: Mapping[str, DataKey]) -> dict[str, list[MoMessage]]:
    """Stored messages near the new ones, by conversation and in submit order: those before, between and after, later arrivals too."""
    if not spans:
        return {}
    wanted = _wanted(tx)
    stored, at = messages.c, messages.c.submitted_at
    side = case((at < wanted.c.first, -1), (at > wanted.c.last, 1), else_=0)
    alike = (stored.session_reference_id, side)
    near = (
        select(
            messages,
            side.label("side"),
            func.row_number().over(partition_by=alike, order_by=at.desc()).label("back"),
            func.row_number().over(partition_by=alike, order_by=at).label("forth"),
        )
        .select_from(wanted.join(messages, stored.session_reference_id == wanted.c.session))
        .where(at.between(wanted.c.low, wanted.c.high))
        .subquery()
    )
    rows = tx.execute(
        select(near)
        .where(((near.c.side <= 0) & (near.c.back <= CONTEXT_MESSAGES)) | ((near.c.side == 1) & (near.c.forth <= CONTEXT_MESSAGES)))
        .order_by(near.c.session_reference_id, near.c.submitted_at, near.c.mo_reference_id),
        {"spans": _as_json(spans)},
    )
    found: dict[str, list[MoMessage]] = {}
    for row in rows:
        found.setdefault(row.session_reference_id, []).append(message_of(row, keys[row.session_reference_id]))
    return found


def _wanted(tx: Tx) -> FromClause:
    """The spans as a table. They travel as one JSON value: a VALUES list is compiled anew for each batch, at more cost than all else."""
    columns: tuple[tuple[str, Any], ...] = (
        ("session", String),
        ("low", DateTime),
        ("first", DateTime),
        ("last", DateTime),
        ("high", DateTime),
    )
    if tx.dialect.name == "sqlite":
        spans = func.json_each(bindparam("spans", type_=String)).table_valued("value")
        # Instants are stored as text in the very form in which they stand in the JSON.
        parts = [func.json_extract(spans.c.value, f"$[{at}]").label(name) for at, (name, _) in enumerate(columns)]
    else:
        spans = func.jsonb_array_elements(cast(bindparam("spans", type_=String), JSONB)).table_valued(column("value", JSONB))
        parts = [cast(spans.c.value[at].astext, kind).label(name) for at, (name, kind) in enumerate(columns)]
    return select(*parts).subquery("wanted")


def _as_json(spans: Mapping[str, Span]) -> str:
    return json.dumps(
        [
            [session, *(_stored(instant) for instant in (span.reach[0], span.first, span.last, span.reach[1]))]
            for session, span in spans.items()
        ]
    )


def _stored(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
