"""The inbox in the database: one row a batch. Used while Redis is not proven, full or out of reach."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, cast, delete, extract, func, literal, select, update

from schemas.clock import utcnow_ms
from schemas.errors import StoreUnreachable
from schemas.tables import inbox_batches
from store.engine import Database
from store.inbox.batches import CLAIM_BYTES, CLAIM_ITEMS, Alone, Backlog, ClaimedBatch, SealedBatch, Seen, StoreName

LEASE_MS: Final = 25_000
"""Longer than in Redis: this lease cannot be renewed while the worker's only connection is busy with a transaction of the work."""


class DatabaseInbox:
    """Both sides: takes batches, and implements `Inbox`. Leases run on the database's clock, whatever the machines' clocks say."""

    name = StoreName.DATABASE
    renewable = False

    def __init__(self, database: Database, *, lease_ms: int = LEASE_MS, accept_within_s: float = 2.0) -> None:
        self._database = database
        self._lease_ms = lease_ms
        self._accept_within_s = accept_within_s

    def accept(self, batch: SealedBatch) -> tuple[Seen, ...]:
        """Commit a batch. No duplicate is recognised here: the worker does, by `message_ids`."""
        now_ms = self._now_ms()
        with self._database.begin(within_s=self._accept_within_s) as tx:
            tx.execute(
                inbox_batches.insert().values(
                    id=batch.id,
                    item_count=batch.item_count,
                    accepted_at_ms=now_ms,
                    due_at_ms=now_ms,
                    claims=0,
                    sealed=batch.sealed,
                )
            )
        return (Seen.NEW,) * batch.item_count

    def claim(self, *, items: int = CLAIM_ITEMS) -> list[ClaimedBatch]:
        """See `Inbox.claim`."""
        now_ms, token = self._now_ms(), secrets.token_hex(8)
        with self._database.begin() as tx:
            due = tx.execute(
                select(inbox_batches.c.id, inbox_batches.c.item_count, func.length(inbox_batches.c.sealed).label("size_bytes"))
                .where(inbox_batches.c.due_at_ms <= now_ms)
                .order_by(inbox_batches.c.due_at_ms, inbox_batches.c.id)
                .limit(items)
                .with_for_update(skip_locked=True)
            ).all()
            taken = inbox_batches.c.id.in_(_within_limits(due, items))
            rows = tx.execute(select(inbox_batches).where(taken).order_by(inbox_batches.c.due_at_ms, inbox_batches.c.id)).all()
            if rows:
                tx.execute(
                    update(inbox_batches)
                    .where(taken)
                    .values(due_at_ms=now_ms + self._lease_ms, claims=inbox_batches.c.claims + 1, token=token)
                )
        return [
            ClaimedBatch(
                row.id,
                row.sealed,
                row.accepted_at_ms,
                row.claims,
                token,
                None if row.mark_item is None else Alone(row.mark_item, row.mark_count),
            )
            for row in rows
        ]

    def renew(self, batches: Sequence[ClaimedBatch]) -> None:
        """See `Inbox.renew`."""
        self._hold(batches, {"due_at_ms": self._now_ms() + self._lease_ms})

    def release(self, batches: Sequence[ClaimedBatch], *, delay_ms: int, counted: bool) -> None:
        """See `Inbox.release`."""
        values: dict[str, object] = {"due_at_ms": self._now_ms() + delay_ms, "token": None}
        if not counted:
            begun = inbox_batches.c.mark_count
            values |= {"claims": inbox_batches.c.claims - 1, "mark_count": case((begun > 0, begun - 1), else_=0)}
        self._hold(batches, values)

    def done(self, batches: Sequence[ClaimedBatch]) -> None:
        """See `Inbox.done`."""
        if batches:
            with self._database.begin() as tx:
                tx.execute(delete(inbox_batches).where(inbox_batches.c.id.in_([batch.id for batch in batches])))

    def begin_alone(self, batch: ClaimedBatch, item: int) -> Alone:
        """See `Inbox.begin_alone`. Raises StoreUnreachable where another worker holds the batch by now."""
        mine = (inbox_batches.c.id == batch.id) & (inbox_batches.c.token == batch.token)
        with self._database.begin() as tx:
            row = tx.execute(select(inbox_batches.c.mark_item, inbox_batches.c.mark_count).where(mine).with_for_update()).first()
            if row is None:
                raise StoreUnreachable("The lease of the batch ran out.")
            begun = row.mark_count + 1 if row.mark_item == item else 1
            due_at_ms = self._now_ms() + self._lease_ms
            tx.execute(update(inbox_batches).where(mine).values(mark_item=item, mark_count=begun, due_at_ms=due_at_ms))
        return Alone(item, begun)

    def backlog(self) -> Backlog:
        """See `Inbox.backlog`."""
        now_ms = self._now_ms()
        with self._database.read() as tx:
            row = tx.execute(
                select(
                    func.coalesce(func.sum(inbox_batches.c.item_count), 0),
                    func.count(),
                    func.count().filter(inbox_batches.c.due_at_ms <= now_ms),
                    now_ms - func.min(inbox_batches.c.accepted_at_ms),
                )
            ).one()
        return Backlog(int(row[0]), int(row[1]), int(row[2]), max(0, int(row[3] or 0)))

    def _now_ms(self) -> ColumnElement[int]:
        """The database's clock, as it stands when the statement begins; SQLite's is this machine's."""
        if self._database.is_sqlite:
            return literal(utcnow_ms(), BigInteger)
        return cast(extract("epoch", func.statement_timestamp()) * 1000, BigInteger)

    def _hold(self, batches: Sequence[ClaimedBatch], values: dict[str, object]) -> None:
        if not batches:
            return
        mine = (inbox_batches.c.id == bindparam("held_id")) & (inbox_batches.c.token == bindparam("held_token"))
        with self._database.begin() as tx:
            tx.execute(
                update(inbox_batches).where(mine).values(**values),
                [{"held_id": batch.id, "held_token": batch.token} for batch in batches],
            )


def _within_limits(due: Sequence[Any], items: int) -> list[str]:
    """The ids of as many batches as one claim may take, and of one at least."""
    taken: list[str] = []
    item_count = size_bytes = 0
    for row in due:
        item_count += row.item_count
        size_bytes += row.size_bytes
        if taken and (item_count > items or size_bytes > CLAIM_BYTES):
            break
        taken.append(row.id)
    return taken
