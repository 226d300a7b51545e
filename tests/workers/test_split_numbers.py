"""A number spread over messages: exactly one finding and one open case, whichever worker took which part, and when."""

import random
import threading
from typing import Final

import pytest

from schemas.batches import BatchItem
from store.engine import Database
from store.inbox.batches import ClaimedBatch
from store.inbox.database import DatabaseInbox
from tests.support.batches import make_batch, make_item
from tests.support.callbacks import callback_body
from tests.support.policies import policy_that
from tests.support.workshop import Workshop, cases_of, findings_of, make_tools, texts_of

RULE: Final = "contact.split_phone"
SENDER: Final = "15550100001"
OTHER: Final = "15550100002"
PARTS: Final = ("510", "444", "56", "10")


def conversation(session: str, rng: random.Random) -> list[BatchItem]:
    """A number in four parts, with talk of both parties in between; in submit order."""
    said = []
    for part in PARTS:
        said += [(SENDER, part)] + [(rng.choice([SENDER, OTHER]), rng.choice(["ok", "and then?", "wait", "yes, go on"]))] * rng.randint(
            0, 2
        )
    return [
        make_item(
            callback_body(
                session_reference_id=session,
                from_phone_number=sender,
                to_phone_number=OTHER if sender == SENDER else SENDER,
                submit_timestamp=f"2026-05-04T09:30:{at:02}",
                mo_message=text,
            )
        )
        for at, (sender, text) in enumerate(said)
    ]


class FewAtATime(DatabaseInbox):
    """Claims a few items at a time, so that both workers get their share of every conversation."""

    def claim(self, *, items: int = 4) -> list[ClaimedBatch]:
        return super().claim(items=items)


def found(database: Database, session: str) -> list[str]:
    """What the number was taken for, digits alone, once for each finding of it."""
    return ["".join(filter(str.isdigit, one.reading)) for one in findings_of(database, session) if one.rule == RULE]


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1), (0, 3, 1, 2)], ids=lambda order: "".join(map(str, order))
)
def test_the_order_in_which_the_parts_arrive_makes_no_difference(order: tuple[int, ...], database: Database) -> None:
    session = "D3" * 16
    items = [one for one in conversation(session, random.Random(1)) if b'"ok"' not in one.body]
    parts = [one for one in items if any(f'"{part}"'.encode() in one.body for part in PARTS)]
    others = [one for one in items if one not in parts]
    workshop = Workshop(database)
    workshop.transcribe(others)
    for at in order:
        workshop.transcribe([parts[at]])

    assert found(database, session) == ["5104445610"]
    assert len(cases_of(database, session)) == 1


@pytest.mark.parametrize("left_out", range(4))
def test_without_one_of_its_parts_there_is_no_number(left_out: int, database: Database) -> None:
    session = "E4" * 16
    parts = [one for one in conversation(session, random.Random(2)) if f'"{PARTS[left_out]}"'.encode() not in one.body]
    Workshop(database).transcribe(parts)

    assert found(database, session) == []


def test_a_worker_waits_for_another_that_screens_a_part_of_the_same_conversation(database_url: str) -> None:
    session = "F5" * 16
    first, *spoken = conversation(session, random.Random(1))
    [last] = [one for one in spoken if b'"10"' in one.body]
    databases = [Database.open(database_url) for _ in range(2)]
    screening, go_on = threading.Event(), threading.Event()

    def hesitate(_text: str) -> None:
        screening.set()
        go_on.wait(30)

    slow = Workshop(databases[0], make_tools(policy_that(hesitate, on=r"\d+")))
    Workshop(databases[0]).transcribe([first])
    threads = [
        threading.Thread(target=slow.transcribe, args=([one for one in spoken if one is not last],)),
        threading.Thread(target=Workshop(databases[1]).transcribe, args=([last],)),
    ]
    threads[0].start()
    assert screening.wait(30)
    threads[1].start()
    threads[1].join(0.3)
    waited = threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join(30)

    assert waited
    assert found(databases[0], session) == ["5104445610"]
    assert len(cases_of(databases[0], session)) == 1
    for database in databases:
        database.close()


@pytest.mark.parametrize("seed", range(3))
def test_two_workers_find_every_number_once(seed: int, database_url: str) -> None:
    rng = random.Random(seed)
    sessions = [f"{number:032X}" for number in range(8)]
    spoken = {session: conversation(session, rng) for session in sessions}
    arriving = [one for items in spoken.values() for one in items]
    arriving += rng.sample(arriving, 10)
    rng.shuffle(arriving)
    databases = [Database.open(database_url) for _ in range(2)]
    inbox = DatabaseInbox(databases[0])
    while arriving:
        size = rng.randint(1, 5)
        inbox.accept(make_batch(arriving[:size]))
        del arriving[:size]
    together = threading.Barrier(2)

    def work(database: Database) -> None:
        together.wait()
        workshop, own = Workshop(database), FewAtATime(database)
        while own.backlog().batches:
            workshop.drain(own)

    threads = [threading.Thread(target=work, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [found(databases[0], session) for session in sessions] == [["5104445610"]] * len(sessions)
    assert [len(cases_of(databases[0], session)) for session in sessions] == [1] * len(sessions)
    assert [len(texts_of(databases[0], session)) for session in sessions] == [len(spoken[session]) for session in sessions]
    for database in databases:
        database.close()
