"""Conversations: what a batch adds to them, on both databases and whatever the database's own zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from schemas.tables import conversations as table
from store import conversations
from store.conversations import Growth
from store.engine import Database
from tests.support.batches import make_keyring

SESSION = "S-1"
FIRST = datetime(2026, 5, 4, 9, 30, 0, 123000, tzinfo=UTC)
LAST = FIRST + timedelta(minutes=5)


@pytest.fixture(params=["sqlite", "postgresql", "postgresql in another zone"])
def opened(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated database; once one whose sessions are not in UTC."""
    product, _, elsewhere = request.param.partition(" ")
    url = request.getfixturevalue(f"{product}_url")
    database = Database.open(f"{url}?options=-c%20timezone%3DAsia/Kolkata" if elsewhere else url)
    yield database
    database.close()


def stored(database: Database) -> tuple[int, datetime, datetime]:
    """How many messages the conversation has, and when the first and the last came."""
    with database.read() as tx:
        row = tx.execute(select(table).where(table.c.session_reference_id == SESSION)).one()
    return row.message_count, row.first_received_at, row.last_received_at


def test_the_first_and_the_last_message_say_when_a_conversation_was(opened: Database) -> None:
    with opened.begin() as tx:
        conversations.lock(tx, make_keyring(), [SESSION], now=LAST)
        conversations.grow(tx, {SESSION: Growth(2, FIRST, FIRST + timedelta(minutes=1))})
    with opened.begin() as tx:
        conversations.grow(tx, {SESSION: Growth(1, LAST, LAST)})

    assert stored(opened) == (3, FIRST, LAST)


def test_an_instant_of_another_zone_is_the_same_instant(opened: Database) -> None:
    elsewhere = FIRST.astimezone(timezone(timedelta(hours=-7)))
    with opened.begin() as tx:
        conversations.lock(tx, make_keyring(), [SESSION], now=elsewhere)
        conversations.grow(tx, {SESSION: Growth(1, elsewhere, elsewhere)})

    assert stored(opened) == (1, FIRST, FIRST)


def test_nothing_new_changes_nothing(opened: Database) -> None:
    with opened.begin() as tx:
        conversations.lock(tx, make_keyring(), [SESSION], now=FIRST)
        conversations.grow(tx, {})

    assert stored(opened) == (0, FIRST, FIRST)
