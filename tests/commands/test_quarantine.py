"""`crossline quarantine`: what could not be read is listed, shown and, after a fix, replayed into the transcript."""

import json

import pytest

from schemas.callbacks import decode_callback
from schemas.clock import from_ms
from schemas.settings import Settings
from store import quarantine
from store.engine import Database
from store.inbox.database import DatabaseInbox
from store.inbox.sealed import open_batch
from store.sealing.keyring import Keyring
from tests.commands.conftest import Run
from tests.commands.stored import RECEIVED_AT, keyring_of, quarantine_bodies
from tests.support.callbacks import callback_body

PRIVATE = "the gate code is nine eight seven"
GOOD = callback_body(mo_reference_id="M-GOOD", mo_message=PRIVATE)
LACKING = callback_body(mo_reference_id="M-LACKING", mo_message=PRIVATE, from_phone_number=None)


def waiting_ids(database: Database) -> set[str]:
    with database.read() as tx:
        return {entry.id for entry in quarantine.entries(tx, state=quarantine.EntryState.WAITING)}


def messages_in_inbox(database: Database, settings: Settings) -> list[str]:
    batches = DatabaseInbox(database).claim()
    return [
        decode_callback(item.body, received_at=from_ms(item.received_at_ms)).mo_reference_id
        for batch in batches
        for item in open_batch(batch.id, batch.sealed, keyring_of(settings))
    ]


def test_entries_are_counted_by_reason_and_listed_without_their_bodies(run: Run, settings: Settings) -> None:
    quarantine_bodies(settings, [("malformed_callback", GOOD), ("malformed_callback", LACKING), ("signature_wrong", GOOD)])

    text = run("quarantine", "list")
    document = json.loads(run("quarantine", "list", "--reason", "signature_wrong", "--json").stdout)

    assert "      2 malformed_callback\n      1 signature_wrong\n" in text.stdout
    assert len(text.stdout.splitlines()) == 5
    assert PRIVATE not in text.stdout
    assert document["waiting"] == {"malformed_callback": 2, "signature_wrong": 1}
    assert [entry["reason"] for entry in document["entries"]] == ["signature_wrong"]


def test_a_long_list_says_how_to_go_on(run: Run, settings: Settings) -> None:
    ids = sorted(quarantine_bodies(settings, [("malformed_callback", f"bad {at}".encode()) for at in range(5)]))

    first = json.loads(run("quarantine", "list", "--limit", "3", "--json").stdout)
    second = json.loads(run("quarantine", "list", "--limit", "3", "--after", first["next_after"], "--json").stdout)

    assert [entry["id"] for entry in first["entries"] + second["entries"]] == ids
    assert second["next_after"] is None


def test_an_empty_quarantine_is_said_to_be_empty(run: Run) -> None:
    assert run("quarantine", "list").stdout == "Nothing waits in quarantine.\n"
    assert run("quarantine", "replay", "--all").stdout == "Nothing waits in quarantine.\n"


@pytest.mark.parametrize(
    "reason, body, today",
    [
        pytest.param("malformed_callback", LACKING, "The field from_phone_number is missing.", id="a field is missing"),
        pytest.param("malformed_callback", GOOD, "it can be read", id="readable by now"),
        pytest.param("conflict", GOOD, "the first stands", id="conflict"),
        pytest.param("malformed_callback", b"\xff\xfe", "The body is not UTF-8.", id="not text"),
    ],
)
def test_an_entry_says_what_is_wrong_with_it_today_and_keeps_its_body_to_itself(
    run: Run, settings: Settings, reason: str, body: bytes, today: str
) -> None:
    [entry] = quarantine_bodies(settings, [(reason, body)])

    result = run("quarantine", "show", entry)

    assert f"{reason}, {len(body):,} bytes" in result.stdout
    assert "first received 2026-05-04T09:31:00Z" in result.stdout
    assert today in result.stdout
    assert PRIVATE not in result.stdout


def test_a_body_is_shown_when_asked_for_and_moves_no_cursor(run: Run, settings: Settings) -> None:
    readable, binary = quarantine_bodies(settings, [("malformed_callback", b'{"a": "\x1b[2J"}\n'), ("malformed_callback", b"\xff\x00")])

    text = run("quarantine", "show", readable, "--body")
    document = json.loads(run("quarantine", "show", readable, "--body", "--json").stdout)
    raw = json.loads(run("quarantine", "show", binary, "--body", "--json").stdout)

    assert text.stdout.splitlines()[-1] == '{"a": "\\x1b[2J"}\\n'
    assert document["body"] == '{"a": "\x1b[2J"}\n'
    assert raw["body_base64"] == "/wA="


def test_an_unknown_entry_is_an_error(run: Run) -> None:
    assert run("quarantine", "show", "00ff").exit_code == 2
    assert run("quarantine", "replay", "00ff").exit_code == 2


def test_what_can_be_read_by_now_is_replayed_and_the_rest_stays_and_is_named(run: Run, settings: Settings, database: Database) -> None:
    good, lacking, conflict = quarantine_bodies(
        settings, [("malformed_callback", GOOD), ("malformed_callback", LACKING), ("conflict", callback_body())]
    )

    result = run("quarantine", "replay", "--all")
    again = run("quarantine", "replay", good)

    assert result.exit_code == 1
    assert f"{lacking}  malformed_callback: stays. The field from_phone_number is missing." in result.stdout
    assert f"{conflict}  conflict: stays. Its id belongs to a message with other values" in result.stdout
    assert "1 replayed" in result.stdout
    assert PRIVATE not in result.output
    assert waiting_ids(database) == {lacking, conflict}
    assert messages_in_inbox(database, settings) == ["M-GOOD"]
    assert again.stdout == "1 already replayed\n"


def test_a_replayed_message_was_received_when_its_callback_first_came(run: Run, settings: Settings, database: Database) -> None:
    quarantine_bodies(settings, [("poison", GOOD)])
    run("quarantine", "replay", "--reason", "poison")

    [batch] = DatabaseInbox(database).claim()
    [item] = open_batch(batch.id, batch.sealed, keyring_of(settings))

    assert from_ms(item.received_at_ms) == RECEIVED_AT


def test_more_than_one_batch_is_replayed_whole(run: Run, settings: Settings, database: Database) -> None:
    bodies = [callback_body(mo_reference_id=f"M-{at:03}") for at in range(150)]
    quarantine_bodies(settings, [("poison", body) for body in bodies])

    result = run("quarantine", "replay", "--all", "--json")

    assert json.loads(result.stdout)["counts"] == {"replayed": 150}
    assert sorted(messages_in_inbox(database, settings)) == [f"M-{at:03}" for at in range(150)]


def test_a_dry_run_only_says_what_would_come_of_it(run: Run, settings: Settings, database: Database) -> None:
    [good] = quarantine_bodies(settings, [("malformed_callback", GOOD)])

    result = run("quarantine", "replay", good, "--dry-run")

    assert result.stdout == "1 would be replayed\n"
    assert waiting_ids(database) == {good}
    assert messages_in_inbox(database, settings) == []


@pytest.mark.parametrize(
    "mode, arguments, replayed",
    [
        pytest.param("require", ["--all"], False, id="signatures required, all"),
        pytest.param("require", ["--reason", "signature_wrong"], True, id="signatures required, this reason"),
        pytest.param("if-present", ["--all"], True, id="signatures optional, all"),
    ],
)
def test_while_signatures_are_required_unsigned_entries_must_be_named(
    run: Run, settings: Settings, database: Database, mode: str, arguments: list[str], replayed: bool
) -> None:
    [entry] = quarantine_bodies(settings, [("signature_wrong", GOOD)])

    result = run("quarantine", "replay", *arguments, changes={"CROSSLINE_SIGNATURE": mode})

    assert (waiting_ids(database) == set()) is replayed
    assert (f"{entry}  signature_wrong: stays." in result.stdout) is not replayed


def test_an_entry_that_came_while_quarantine_was_full_has_no_body_to_replay(run: Run, settings: Settings, database: Database) -> None:
    [entry] = quarantine_bodies(settings, [("malformed_callback", GOOD)])
    with database.begin() as tx:
        tx.exec_driver_sql("UPDATE quarantine SET sealed = NULL")

    shown = run("quarantine", "show", entry, "--body")
    as_json = json.loads(run("quarantine", "show", entry, "--body", "--json").stdout)
    replayed = run("quarantine", "replay", entry)

    assert "Its body was not kept" in shown.stdout
    assert as_json["body"] is None
    assert f"{entry}  malformed_callback: stays. It came while quarantine was full" in replayed.stdout
    assert waiting_ids(database) == {entry}


def test_a_body_of_a_lost_key_stays_and_the_others_are_replayed(run: Run, settings: Settings, database: Database) -> None:
    quarantine_bodies(settings, [("poison", GOOD)])
    [lost] = quarantine_bodies(settings, [("poison", callback_body())], keyring=Keyring([b"x" * 32]))

    result = run("quarantine", "replay", "--all")

    assert f"{lost}  poison: stays. The key" in result.stdout
    assert messages_in_inbox(database, settings) == ["M-GOOD"]


@pytest.mark.parametrize("arguments", [pytest.param([], id="nothing"), pytest.param(["--all", "--reason", "poison"], id="two ways")])
def test_one_says_which_entries_to_replay(run: Run, arguments: list[str]) -> None:
    assert run("quarantine", "replay", *arguments).exit_code == 2


def test_dying_before_an_entry_is_marked_only_replays_it_twice(run: Run, settings: Settings, database: Database) -> None:
    [entry] = quarantine_bodies(settings, [("malformed_callback", GOOD)])
    run("quarantine", "replay", entry)
    with database.begin() as tx:
        tx.exec_driver_sql("UPDATE quarantine SET state = 'waiting'")

    result = run("quarantine", "replay", entry)

    assert result.stdout == "1 replayed\n"
    assert messages_in_inbox(database, settings) == ["M-GOOD", "M-GOOD"]
