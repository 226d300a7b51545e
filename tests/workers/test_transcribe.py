"""One transaction over a batch: exact, in order, and without effect the second time. On both databases."""

import json
import random
import threading
from collections import Counter
from typing import Final

import pytest
from sqlalchemy import delete, func, select

from schemas.batches import BatchItem, ItemKind
from schemas.clock import utcnow
from schemas.findings import FindingKind
from schemas.tables import conversations, findings, message_ids, messages
from store.engine import Database
from store.quarantine import CONFLICT
from tests.support.batches import make_item
from tests.support.callbacks import callback_body, make_callback
from tests.support.workshop import Workshop, cases_of, findings_of, make_tools, quarantined, texts_of, transcript_of
from workers.transcribe import transcribe

SESSION: Final = "B1" * 16
ID: Final = "SA9WUKGP3TGRCQSRMS78QV5M5REKQ98N"
NUMBER: Final = "Ring me on 510-444-5610 when you are there."


def item(text: str = "See you at the pier.", *, at_s: int = 0, **overrides: str) -> BatchItem:
    return item_of({"submit_timestamp": f"2026-05-04T09:{at_s // 60:02}:{at_s % 60:02}", "mo_message": text} | overrides)


def item_of(fields: dict[str, str]) -> BatchItem:
    defaults = {"session_reference_id": SESSION, "submit_timestamp": "2026-05-04T09:00:00", "mo_message": "See you at the pier."}
    return make_item(callback_body(**(defaults | fields)))


def count(database: Database, table: object) -> int:
    with database.read() as tx:
        return tx.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def test_a_message_becomes_transcript_finding_and_case(database: Database) -> None:
    results = Workshop(database).transcribe([item(NUMBER)])

    assert (results.transcribed, results.duplicates, results.conflicts, results.cases_opened) == (1, 0, 0, 1)
    assert texts_of(database, SESSION) == [NUMBER]
    assert [(one.rule, one.evidence) for one in findings_of(database, SESSION)] == [("contact.phone", "510-444-5610")]
    assert [one.finding_count for one in cases_of(database, SESSION)] == [1]


def test_the_same_batch_twice_changes_nothing(database: Database) -> None:
    workshop = Workshop(database)
    items = [item(NUMBER), item("Fine.", at_s=1)]
    workshop.transcribe(items)
    before = (transcript_of(database, SESSION), findings_of(database, SESSION), cases_of(database, SESSION))
    again = workshop.transcribe(items)

    assert (again.transcribed, again.duplicates, again.cases_opened, again.findings) == (0, 2, 0, Counter())
    assert (transcript_of(database, SESSION), findings_of(database, SESSION), cases_of(database, SESSION)) == before
    with database.read() as tx:
        assert tx.execute(select(conversations.c.message_count)).scalars().all() == [2]


def test_three_copies_in_one_batch_are_one_message(database: Database) -> None:
    one = item(NUMBER)
    results = Workshop(database).transcribe([one, one, one])

    assert (results.transcribed, results.duplicates) == (1, 2)
    assert len(transcript_of(database, SESSION)) == len(findings_of(database, SESSION)) == len(cases_of(database, SESSION)) == 1


@pytest.mark.parametrize(
    "changed, is_conflict",
    [
        pytest.param({"mo_message": "Something else"}, True, id="text"),
        pytest.param({"session_reference_id": "C2" * 16}, True, id="session"),
        pytest.param({"submit_timestamp": "2026-05-04T09:00:00.0"}, True, id="another spelling of the same instant"),
        pytest.param({"from_phone_number": "15550100009"}, True, id="sender"),
        pytest.param({"to_phone_number": "15550100009"}, True, id="receiver"),
        pytest.param({"mo_message": "See you at the pier. "}, True, id="a space"),
        pytest.param({"colour": "blue"}, False, id="a field that is not documented"),
        pytest.param({"mo_reference_id": ID.lower()}, False, id="an id in another case"),
        pytest.param({}, False, id="nothing"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_an_id_with_other_values_is_kept_aside_and_the_first_stands(
    changed: dict[str, str], is_conflict: bool, together: bool, database: Database
) -> None:
    workshop = Workshop(database)
    first, second = item(mo_reference_id=ID), item_of({"mo_reference_id": ID} | changed)
    for items in [[first, second]] if together else [[first], [second]]:
        workshop.transcribe(items)

    assert transcript_of(database, SESSION)[0].text == "See you at the pier."
    assert [body for _, body in quarantined(database, reason=CONFLICT)] == ([second.body] if is_conflict else [])
    assert count(database, messages) == (2 if changed.get("mo_reference_id") else 1)


def test_the_same_conflict_again_is_one_copy_more(database: Database) -> None:
    workshop = Workshop(database)
    workshop.transcribe([item(mo_reference_id=ID)])
    conflict = item("Other words", mo_reference_id=ID)
    for _ in range(3):
        workshop.transcribe([conflict])

    assert [entry.copies for entry, _ in quarantined(database)] == [3]


def test_after_retention_a_replay_brings_nothing_back(database: Database) -> None:
    workshop = Workshop(database)
    one = item(NUMBER, mo_reference_id=ID)
    workshop.transcribe([one])
    with database.begin() as tx:
        for table in (findings, messages, conversations):
            tx.execute(delete(table))
    results = workshop.transcribe([one])

    assert (results.transcribed, results.duplicates, results.cases_opened) == (0, 1, 0)
    assert (count(database, messages), count(database, conversations), count(database, findings)) == (0, 0, 0)
    assert count(database, message_ids) == 1


def test_what_the_door_refused_is_kept_and_what_a_release_no_longer_reads_too(database: Database) -> None:
    refused = make_item(b"\xff not text", kind=ItemKind.QUARANTINE, reason="malformed_callback")
    unreadable = make_item(b"{}")
    results = Workshop(database).transcribe([refused, unreadable, item()])

    assert results.transcribed == 1
    assert sorted((entry.reason, body) for entry, body in quarantined(database)) == [
        ("malformed_callback", b"{}"),
        ("malformed_callback", b"\xff not text"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("before\x00after", id="NUL"),
        pytest.param("👩‍👩‍👧 meets us at 🚏 — 🏳️‍🌈", id="emoji"),
        pytest.param("نلتقي عند الباب الأزرق \u202e!\u202c", id="right to left"),
        pytest.param("e\u0301 and é", id="composed and not"),
        pytest.param(" \t\r\n ", id="white space"),
        pytest.param("'; DROP TABLE messages; --", id="SQL"),
        pytest.param("\ufeff\ufffe\uffff\U0010ffff", id="noncharacters"),
        pytest.param("😀" * 10_000, id="10,000 emoji"),
    ],
)
@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "plain"])
def test_a_text_is_read_back_character_for_character(text: str, escaped: bool, database: Database) -> None:
    body = json.dumps(make_callback(session_reference_id=SESSION, mo_message=text), ensure_ascii=escaped).encode()
    Workshop(database).transcribe([make_item(body)])

    assert texts_of(database, SESSION) == [text]


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "1970-01-01", "not a time"])
def test_a_clock_that_is_out_stops_nothing(stamp: str, database: Database) -> None:
    Workshop(database).transcribe([item("first", submit_timestamp=stamp), item("second", submit_timestamp=stamp)])

    assert sorted(texts_of(database, SESSION)) == ["first", "second"]
    assert [message.submit_timestamp for message in transcript_of(database, SESSION)] == [stamp, stamp]


def test_a_late_message_stands_where_it_was_written(database: Database) -> None:
    workshop = Workshop(database)
    for at_s in (30, 10, 20):
        workshop.transcribe([item(f"at {at_s}", at_s=at_s)])

    assert texts_of(database, SESSION) == ["at 10", "at 20", "at 30"]


def test_several_cases_in_one_batch_are_one_a_conversation(database: Database) -> None:
    workshop = Workshop(database)
    sessions = [f"{number:032X}" for number in range(5)]
    results = workshop.transcribe([item(NUMBER, session_reference_id=session) for session in sessions for _ in range(3)])

    assert results.cases_opened == 5
    assert [[one.finding_count for one in cases_of(database, session)] for session in sessions] == [[3]] * 5


def test_nothing_of_a_batch_is_there_when_its_transaction_fails(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.begin() as tx:
        transcribe(tx, [item(NUMBER)], make_tools(), now=utcnow())
        raise ZeroDivisionError

    assert count(database, messages) == count(database, message_ids) == count(database, conversations) == 0


@pytest.mark.parametrize("copies", [40, 0], ids=["some of the same messages", "messages of their own"])
def test_two_workers_over_the_same_conversations_neither_deadlock_nor_repeat(copies: int, database_url: str) -> None:
    rng = random.Random(20260504)
    rounds = []
    for number in range(10):
        sessions = [f"{number // 2:016X}{at:016X}" for at in range(40)]
        shared = [item(NUMBER, session_reference_id=session) for session in sessions]
        own = [[item(NUMBER, session_reference_id=session) for session in sessions] for _ in range(2)]
        rounds.append([rng.sample(shared[:copies] + mine, copies + 40) for mine in own])
    opened = [Database.open(database_url) for _ in range(2)]
    failures: list[BaseException] = []
    together = threading.Barrier(2)

    def work(worker: int) -> None:
        workshop = Workshop(opened[worker])
        for batches in rounds:
            together.wait(30)
            try:
                workshop.transcribe(batches[worker])
            except Exception as error:  # noqa: BLE001  told to the test's own thread
                failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert [len(transcript_of(opened[0], session)) for session in sessions] == [2 * (2 + copies // 40)] * 40
    assert [one.finding_count for session in sessions for one in cases_of(opened[0], session)] == [2 * (2 + copies // 40)] * 40
    for database in opened:
        database.close()


def test_no_rule_fails_on_any_of_it(database: Database) -> None:
    Workshop(database).transcribe([item(text, at_s=at) for at, text in enumerate(["\x00" * 50, "5" * 3000, "@." * 2000, "😀" * 3000])])

    assert [one for one in findings_of(database, SESSION) if one.kind is FindingKind.ERROR] == []
