"""Quarantine's cap: beyond it what was refused is only counted; what was answered 200 is kept; what was replayed is no load."""

from datetime import UTC, datetime

import pytest

from store import quarantine
from store.engine import Database
from store.quarantine import Received
from tests.support.batches import make_digests, make_keyring

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "CAP_ENTRIES", 2)


def keep(database: Database, *received: Received) -> int:
    with database.begin() as tx:
        return quarantine.keep(tx, received, make_keyring(), make_digests())


def refused(body: bytes) -> Received:
    return Received("malformed_callback", body, AT)


def bodies(database: Database) -> dict[bytes | None, int]:
    """How many copies came of each body; None stands for those whose body was not kept."""
    with database.read() as tx:
        entries = quarantine.entries(tx)
        return {quarantine.body_of(tx, entry.id, make_keyring()): entry.copies for entry in entries}


def test_beyond_the_cap_a_refused_body_is_only_counted(database: Database) -> None:
    without_body = keep(database, refused(b"1"), refused(b"2"), refused(b"3"))

    assert without_body == 1
    assert bodies(database) == {b"1": 1, b"2": 1, None: 1}


@pytest.mark.parametrize("reason", [quarantine.POISON, quarantine.CONFLICT, "malformed_callback"])
def test_what_was_answered_200_is_kept_whatever_lies_there(database: Database, reason: str) -> None:
    keep(database, refused(b"1"), refused(b"2"))
    without_body = keep(database, Received(reason, b"3", AT, acknowledged=True))

    assert without_body == 0
    assert bodies(database) == {b"1": 1, b"2": 1, b"3": 1}


def test_another_copy_of_what_is_kept_finds_its_body_there_however_full_it_is(database: Database) -> None:
    keep(database, refused(b"1"), refused(b"2"))

    assert keep(database, refused(b"1"), refused(b"1")) == 0
    assert bodies(database) == {b"1": 3, b"2": 1}


def test_what_was_replayed_makes_room_and_what_came_meanwhile_is_kept_when_it_comes_again(database: Database) -> None:
    keep(database, refused(b"1"), refused(b"2"))
    keep(database, refused(b"3"))
    with database.begin() as tx:
        quarantine.mark_replayed(tx, [entry.id for entry in quarantine.entries(tx) if entry.has_body])

    assert keep(database, refused(b"3")) == 0
    assert bodies(database) == {b"1": 1, b"2": 1, b"3": 2}
    assert keep(database, refused(b"4"), refused(b"5")) == 1
