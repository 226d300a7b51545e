"""Instants in both databases: aware UTC in and out, compared and ordered alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, select
from sqlalchemy.exc import StatementError

from schemas.tables import UTCDateTime
from store.engine import Database

NOON: Final = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)
instants = Table("test_instants", MetaData(), Column("id", Integer, primary_key=True), Column("at", UTCDateTime))


@pytest.fixture
def table(database: Database) -> Iterator[Database]:
    """The database with a table of instants, dropped afterwards."""
    with database.begin() as tx:
        instants.create(tx)
    yield database
    with database.begin() as tx:
        instants.drop(tx)


def stored(database: Database, *values: datetime | None) -> list[datetime | None]:
    with database.begin() as tx:
        tx.execute(instants.insert(), [{"at": value} for value in values])
        return list(tx.execute(select(instants.c.at).order_by(instants.c.id)).scalars())


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(NOON, id="with microseconds"),
        pytest.param(NOON.replace(microsecond=0), id="without"),
        pytest.param(NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), id="east of Greenwich"),
        pytest.param(NOON.astimezone(timezone(-timedelta(hours=11))), id="west of it, the day before"),
        pytest.param(datetime(1, 1, 1, tzinfo=UTC), id="the first there is"),
        pytest.param(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), id="the last there is"),
    ],
)
def test_an_instant_comes_back_as_the_same_instant_in_utc(instant: datetime, table: Database) -> None:
    [found] = stored(table, instant)

    assert found == instant
    assert found is not None
    assert found.tzinfo is UTC


def test_nothing_comes_back_as_nothing(table: Database) -> None:
    assert stored(table, None) == [None]


def test_an_instant_without_a_zone_is_refused(table: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        stored(table, NOON.replace(tzinfo=None))


def test_instants_are_ordered_and_compared_as_instants(table: Database) -> None:
    east, west = timezone(timedelta(hours=9)), timezone(-timedelta(hours=9))
    times = [NOON.replace(microsecond=0), NOON, NOON + timedelta(milliseconds=1), NOON + timedelta(hours=1)]
    zoned = [at.astimezone(zone) for at, zone in zip(times, (east, west, UTC, east), strict=True)]
    stored(table, *reversed(zoned))
    with table.read() as tx:
        ordered = list(tx.execute(select(instants.c.at).order_by(instants.c.at)).scalars())
        latest = tx.execute(select(func.max(instants.c.at))).scalar_one()
        before = tx.execute(select(func.count()).where(instants.c.at < NOON.astimezone(west))).scalar_one()

    assert ordered == times
    assert (latest, before) == (times[-1], 1)
