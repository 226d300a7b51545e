"""What a failure means: which ones count against a message, which are the store's, and which nobody may swallow."""

import dataclasses
import signal
import time
from typing import Final

import pytest
from sqlalchemy.exc import IntegrityError

from schemas.batches import BATCH_FORMAT
from schemas.clock import utcnow_ms
from schemas.errors import StoreUnreachable
from store.engine import Database
from store.inbox.batches import SealedBatch
from store.inbox.database import DatabaseInbox
from store.quarantine import POISON
from store.sealing.keyring import Keyring
from tests.support.batches import make_batch, make_item
from tests.support.callbacks import callback_body
from tests.support.policies import policy_that
from tests.support.polling import wait_until
from tests.support.workshop import Workshop, findings_of, make_tools, quarantined, texts_of
from workers.drain import PIECE_BYTES
from workers.screener import JobDeadline, OutOfTime
from workers.screening.compiled import CompiledPolicy, CompiledRule

SESSION: Final = "F5" * 16
WORD: Final = "xyzzy"


@dataclasses.dataclass
class BrokenPolicy:
    """Stands where a policy stands, and raises whatever is asked: a fault of the engine itself, which no rule's guard catches."""

    error: BaseException
    version: str = "broken"

    def with_cause(self, data: bytes) -> list[CompiledRule]:
        if WORD.encode() in data:
            raise self.error
        return []


def bodies(*texts: str) -> list[bytes]:
    return [
        callback_body(session_reference_id=SESSION, submit_timestamp=f"2026-05-04T09:30:{at:02}", mo_message=text)
        for at, text in enumerate(texts)
    ]


def accept(database: Database, *texts: str) -> list[bytes]:
    sent = bodies(*texts)
    DatabaseInbox(database).accept(make_batch([make_item(body) for body in sent]))
    return sent


def workshop_with(database: Database, error: BaseException) -> Workshop:
    broken: CompiledPolicy = BrokenPolicy(error)  # type: ignore[assignment]
    return Workshop(database, make_tools(broken))


def drain_until_empty(workshop: Workshop, inbox: DatabaseInbox) -> None:
    def drained() -> bool:
        workshop.drain(inbox)
        return inbox.backlog().batches == 0

    wait_until(drained, within_s=20, what="an empty inbox")


def test_what_is_accepted_is_worked_on_and_taken_off(database: Database) -> None:
    accept(database, "one", "two")
    inbox, workshop = DatabaseInbox(database), Workshop(database)

    assert workshop.drain(inbox) is True
    assert texts_of(database, SESSION) == ["one", "two"]
    assert (inbox.backlog().batches, [results.transcribed for results in workshop.results]) == (0, [2])


def test_a_worker_that_is_asked_to_stop_claims_nothing(database: Database) -> None:
    accept(database, "one")
    inbox = DatabaseInbox(database)

    assert Workshop(database).drain(inbox, stop=lambda: True) is False
    assert inbox.backlog().due == 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("five"), id="an ordinary error"),
        pytest.param(RecursionError(), id="too deep"),
        pytest.param(MemoryError(), id="no memory"),
        pytest.param(IntegrityError("INSERT", {}, Exception()), id="data that the database refuses"),
    ],
)
def test_a_message_whose_work_fails_is_quarantined_and_its_batch_mates_are_kept(error: Exception, sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    sent = accept(database, "one", f"{WORD} two", "three")
    workshop = workshop_with(database, error)
    drain_until_empty(workshop, DatabaseInbox(database))

    assert texts_of(database, SESSION) == ["one", "three"]
    assert [(entry.reason, body) for entry, body in quarantined(database)] == [(POISON, sent[1])]
    assert sum(results.poisoned for results in workshop.results) == 1
    database.close()


def test_a_poison_that_is_known_is_passed_over_in_every_other_batch(database: Database) -> None:
    [good, bad] = accept(database, "one", f"{WORD} two")
    workshop = workshop_with(database, ValueError())
    inbox = DatabaseInbox(database)
    drain_until_empty(workshop, inbox)
    inbox.accept(make_batch([make_item(bad), make_item(good)]))
    drain_until_empty(workshop, inbox)

    assert texts_of(database, SESSION) == ["one"]
    assert [entry.copies for entry, _ in quarantined(database)] == [1]


def test_an_error_of_the_store_is_never_counted(database: Database) -> None:
    accept(database, "one", f"{WORD} two")
    failing, inbox = workshop_with(database, StoreUnreachable()), DatabaseInbox(database)
    for _ in range(3):
        assert failing.drain(inbox) is True
        wait_until(lambda: inbox.backlog().due, what="a batch that is due again")
    [claimed] = inbox.claim()
    inbox.release([claimed], delay_ms=0, counted=False)
    drain_until_empty(Workshop(database), inbox)

    assert (claimed.expired, claimed.alone) == (0, None)
    assert texts_of(database, SESSION) == ["one", f"{WORD} two"]
    assert quarantined(database) == []


def test_an_error_of_the_store_is_not_counted_either_while_items_are_run_alone(database: Database) -> None:
    accept(database, "one", f"{WORD} two")
    inbox = DatabaseInbox(database)
    for _ in range(2):
        inbox.release(wait_until(inbox.claim), delay_ms=0, counted=True)
    failing = workshop_with(database, StoreUnreachable())
    for _ in range(3):
        failing.drain(inbox)
        wait_until(lambda: inbox.backlog().due, what="a batch that is due again")
    drain_until_empty(Workshop(database), inbox)

    assert texts_of(database, SESSION) == ["one", f"{WORD} two"]
    assert quarantined(database) == []


def test_an_error_of_the_store_gives_back_every_batch_of_the_claim(database: Database) -> None:
    inbox = DatabaseInbox(database)
    accept(database, f"{WORD} one")
    for _ in range(2):
        inbox.release(wait_until(inbox.claim), delay_ms=0, counted=True)
    accept(database, f"{WORD} two")
    workshop_with(database, StoreUnreachable()).drain(inbox)
    claimed = wait_until(lambda: found if len(found := inbox.claim()) == 2 else inbox.release(found, delay_ms=0, counted=False), within_s=5)
    assert claimed is not None

    assert sorted(batch.expired for batch in claimed) == [0, 2]


def test_a_run_alone_begins_where_the_one_before_it_broke_off(database: Database) -> None:
    accept(database, "one", "two", f"{WORD} three", "four")
    inbox = DatabaseInbox(database)
    for _ in range(2):
        inbox.release(wait_until(inbox.claim), delay_ms=0, counted=True)
    workshop = workshop_with(database, ValueError())
    workshop.drain(inbox)
    [claimed] = wait_until(inbox.claim)

    assert claimed.alone is not None
    assert (claimed.alone.item, claimed.alone.begun) == (2, 1)
    assert texts_of(database, SESSION) == ["one", "two"]


def test_of_two_messages_with_one_id_the_first_stands_also_after_both_were_given_back(database: Database) -> None:
    inbox, workshop = DatabaseInbox(database), Workshop(database)
    first, second = make_batch([make_item(conflicting("the first"))]), make_batch([make_item(conflicting("the second"))])
    while second.id > first.id:
        second = make_batch([make_item(conflicting("the second"))])
    for batch in (first, second):
        accepted_at_ms = utcnow_ms()
        inbox.accept(batch)
        wait_until(lambda: utcnow_ms() > accepted_at_ms, what="the next millisecond")  # noqa: B023
    inbox.release(inbox.claim(), delay_ms=0, counted=False)
    workshop.drain(inbox)

    assert texts_of(database, SESSION) == ["the first"]


def conflicting(text: str) -> bytes:
    """A callback whose id is always the same."""
    return callback_body(mo_reference_id="1D" * 16, session_reference_id=SESSION, mo_message=text)


def test_a_batch_of_a_format_from_tomorrow_is_left_for_its_release(database: Database) -> None:
    tomorrow = make_batch()
    later = SealedBatch(tomorrow.id, bytes([BATCH_FORMAT + 1]) + tomorrow.sealed[1:], tomorrow.marks)
    inbox = DatabaseInbox(database)
    inbox.accept(later)
    accept(database, "one")
    Workshop(database).drain(inbox)

    assert texts_of(database, SESSION) == ["one"]
    assert (inbox.backlog().batches, inbox.backlog().due) == (1, 0)


def test_a_batch_under_an_unknown_key_is_left_until_the_key_is_there(database: Database) -> None:
    accept(database, "one")
    inbox = DatabaseInbox(database, lease_ms=1)
    without_key = Workshop(database, dataclasses.replace(make_tools(), keyring=Keyring([bytes(32)])))
    without_key.drain(inbox)
    waiting = inbox.backlog()

    assert (waiting.batches, waiting.due, quarantined(database)) == (1, 0, [])


def test_a_rule_that_fails_costs_the_message_nothing_but_that_rule(database: Database) -> None:
    def fails(text: str) -> None:
        raise ValueError(text)

    accept(database, f"{WORD} one")
    Workshop(database, make_tools(policy_that(fails, on=WORD))).drain(DatabaseInbox(database))

    assert texts_of(database, SESSION) == [f"{WORD} one"]
    assert [(one.kind.value, one.reading, one.evidence) for one in findings_of(database, SESSION)] == [("error", "ValueError", "")]


def test_no_rule_and_no_batch_swallows_the_end_of_a_jobs_time(database: Database) -> None:
    accept(database, f"{WORD} one")
    inbox = DatabaseInbox(database, lease_ms=50)
    before = signal.getsignal(signal.SIGALRM)
    workshop = Workshop(database, make_tools(policy_that(lambda _: time.sleep(30), on=WORD)))
    started = time.monotonic()
    with pytest.raises(OutOfTime), JobDeadline(1, OutOfTime):  # type: ignore[no-untyped-call]
        workshop.drain(inbox)

    assert time.monotonic() - started < 10
    assert signal.getsignal(signal.SIGALRM) in (before, signal.SIG_DFL)
    assert [batch.expired for batch in wait_until(inbox.claim)] == [1]
    assert texts_of(database, SESSION) == []


def test_large_bodies_are_worked_on_in_several_transactions(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    third = "x" * (PIECE_BYTES // 3)
    accept(database, third, third, third, third, third)
    workshop = Workshop(database)
    workshop.drain(DatabaseInbox(database))

    assert [results.transcribed for results in workshop.results] == [2, 2, 1]
    assert len(texts_of(database, SESSION)) == 5
    database.close()
