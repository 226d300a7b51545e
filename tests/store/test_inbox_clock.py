"""Machines whose clocks disagree share the inbox of one PostgreSQL: its own clock decides."""

from collections.abc import Iterator

import pytest

from schemas.clock import utcnow_ms
from store.engine import Database
from store.inbox import database as module
from store.inbox.batches import Backlog
from store.inbox.database import DatabaseInbox
from tests.support.batches import make_batch

HOUR_MS = 3_600_000


@pytest.fixture
def inbox(postgresql_url: str) -> Iterator[DatabaseInbox]:
    """An inbox whose leases are as long as in production."""
    database = Database.open(postgresql_url)
    yield DatabaseInbox(database)
    database.close()


@pytest.fixture(params=[-HOUR_MS, HOUR_MS], ids=["an hour behind", "an hour ahead"])
def _clock_off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "utcnow_ms", lambda: utcnow_ms() + request.param)


def test_what_such_a_machine_accepted_is_due_at_once(inbox: DatabaseInbox) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "utcnow_ms", lambda: utcnow_ms() + HOUR_MS)
        inbox.accept(make_batch())

    assert inbox.backlog().due == 1
    assert len(inbox.claim()) == 1


@pytest.mark.usefixtures("_clock_off")
def test_such_a_machine_sees_no_lease_run_out_early_and_no_age_that_is_not(inbox: DatabaseInbox) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "utcnow_ms", utcnow_ms)
        inbox.accept(make_batch())
        [claimed] = inbox.claim()
    backlog = inbox.backlog()

    assert inbox.claim() == []
    assert (backlog.batches, backlog.due) == (1, 0)
    assert backlog.oldest_age_ms < HOUR_MS / 2
    inbox.release([claimed], delay_ms=0, counted=False)
    assert [again.expired for again in inbox.claim()] == [0]
    inbox.done([claimed])
    assert inbox.backlog() == Backlog(messages=0, batches=0, due=0, oldest_age_ms=0)
