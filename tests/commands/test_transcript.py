"""`crossline transcript` as a person and a script use it, on both databases, and its forms as tables."""

import csv
import io
import json
import re

import pytest

from crossline.transcript_forms.csv_form import safe_cell
from crossline.visible import masked_number, visible, visible_json
from schemas.findings import FindingKind, Mode
from schemas.settings import Settings
from store import transcripts
from tests.commands.conftest import Run
from tests.commands.stored import make_finding, make_message, store_messages

SESSION = "B5862A14363C016C8832D53625270015"


def test_a_transcript_is_printed_in_submit_order_with_parties_and_findings(run: Run, settings: Settings) -> None:
    first = make_message(session_reference_id=SESSION, submit_timestamp="2026-05-04T09:30:00", mo_message="Call 5lO4 please")
    answer = make_message(
        session_reference_id=SESSION,
        submit_timestamp="2026-05-04T09:30:01",
        from_phone_number="+1 (555) 010-0002",
        to_phone_number="15550100001",
        mo_message="No, here only",
    )
    store_messages(settings, [answer, first], {first.mo_reference_id: [make_finding()]})

    result = run("transcript", SESSION)

    assert result.stdout.splitlines() == [
        "2026-05-04T09:30:00Z  A …01  Call 5lO4 please",
        "    ! contact.phone, severity 3: “5lO4” read as “5104”",
        "2026-05-04T09:30:01Z  B …02  No, here only",
        "Case open, severity 3, 1 finding, opened 2026-05-04T09:31:00Z",
    ]
    assert result.exit_code == 0


def test_the_cases_of_a_conversation_stand_behind_its_messages(run: Run, settings: Settings) -> None:
    message = make_message(session_reference_id=SESSION)
    store_messages(settings, [message], {message.mo_reference_id: [make_finding(severity=2), make_finding(severity=4)]})

    text = run("transcript", SESSION)
    document = json.loads(run("transcript", SESSION, "--json").stdout)
    lines = run("transcript", SESSION, "--jsonl").stdout.splitlines()
    records = run("transcript", SESSION, "--format", "csv").stdout.splitlines()

    assert text.stdout.splitlines()[-1] == "Case open, severity 4, 2 findings, opened 2026-05-04T09:31:00Z"
    assert [(case["state"], case["severity"], case["finding_count"]) for case in document["cases"]] == [("open", 4, 2)]
    assert (len(lines), len(records)) == (1, 2)


def test_a_conversation_without_a_case_says_nothing_of_cases(run: Run, settings: Settings) -> None:
    store_messages(settings, [make_message(session_reference_id=SESSION)])

    assert "Case" not in run("transcript", SESSION).stdout
    assert json.loads(run("transcript", SESSION, "--json").stdout)["cases"] == []


def test_a_finding_in_shadow_and_a_rule_that_failed_are_told_apart(run: Run, settings: Settings) -> None:
    message = make_message(session_reference_id=SESSION, mo_message="call 5104")
    findings = [
        make_finding(mode=Mode.SHADOW, evidence="5104", reading="5104"),
        make_finding(rule="scam.gift_card", kind=FindingKind.ERROR, evidence="", reading="ValueError"),
    ]
    store_messages(settings, [message], {message.mo_reference_id: findings})

    text = run("transcript", SESSION, "--local")
    records = list(csv.DictReader(io.StringIO(run("transcript", SESSION, "--format", "csv").stdout)))

    assert text.stdout.splitlines()[1:] == [
        "    ! contact.phone (shadow), severity 3: “5104”",
        "    ! scam.gift_card failed (ValueError); the message was screened without it",
    ]
    assert re.match(r"2026-05-0\dT\d\d:\d0:00[+-]\d\d:\d\d  A ", text.stdout)
    assert records[0]["findings"] == "contact.phone (severity 3, shadow): 5104; scam.gift_card (severity 3, enforce): ValueError"


def test_a_message_is_one_whole_line_whatever_it_holds(run: Run, settings: Settings) -> None:
    long = "a " * 4_000 + "end"
    hostile = "one\ntwo\r\x1b[2J\x9b1A\u202eabc 👩‍👩‍👧 שלום\u200f"
    store_messages(
        settings,
        [
            make_message(session_reference_id=SESSION, submit_timestamp="2026-05-04T09:30:00", mo_message=long),
            make_message(session_reference_id=SESSION, submit_timestamp="2026-05-04T09:30:01", mo_message=hostile),
        ],
    )

    result = run("transcript", SESSION)

    assert result.stdout.splitlines() == [
        f"2026-05-04T09:30:00Z  A …01  {long}",
        "2026-05-04T09:30:01Z  A …01  one\\ntwo\\r\\x1b[2J\\x9b1A\\u202eabc 👩‍👩‍👧 שלום\u200f",
    ]


def test_json_has_the_text_exactly_as_it_came(run: Run, settings: Settings) -> None:
    text = 'quote " newline \n escape \x1b c1 \x9b nul \x00 rtl \u202e 🧳'
    message = make_message(session_reference_id=SESSION, mo_message=text)
    store_messages(settings, [message], {message.mo_reference_id: [make_finding()]})

    result = run("transcript", SESSION, "--json")
    document = json.loads(result.stdout)

    assert document["session_reference_id"] == SESSION
    assert [(one["text"], one["party"], one["from"], one["to"]) for one in document["messages"]] == [(text, "A", "…01", "…02")]
    assert document["messages"][0]["findings"][0]["reading"] == "5104"
    assert not any(character in result.stdout for character in "\x9b\x1b\x00\u202e")


def test_json_lines_are_one_object_a_message(run: Run, settings: Settings) -> None:
    store_messages(settings, [make_message(session_reference_id=SESSION, mo_message=f"line {at}") for at in range(3)])

    result = run("transcript", SESSION, "--jsonl", "--show-numbers")
    documents = [json.loads(line) for line in result.stdout.splitlines()]

    assert sorted(document["text"] for document in documents) == ["line 0", "line 1", "line 2"]
    assert {document["from"] for document in documents} == {"15550100001"}


def test_csv_keeps_quotes_and_newlines_and_disarms_formulas(run: Run, settings: Settings) -> None:
    texts = ['say "hi", then go', "two\nlines", '=HYPERLINK("http://x.example","y")']
    store_messages(
        settings,
        [
            make_message(session_reference_id=SESSION, submit_timestamp=f"2026-05-04T09:30:0{at}", mo_message=text)
            for at, text in enumerate(texts)
        ],
    )

    result = run("transcript", SESSION, "--format", "csv")
    records = list(csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline="")))

    assert [record["text"] for record in records] == [texts[0], texts[1], "'" + texts[2]]
    assert result.stdout_bytes.count(b"\r\n") == 4


def test_a_transcript_longer_than_a_page_is_whole(run: Run, settings: Settings) -> None:
    count = transcripts.PAGE_MESSAGES + 3
    store_messages(settings, [make_message(session_reference_id=SESSION, mo_message=f"text {at}") for at in range(count)])

    result = run("transcript", SESSION)

    assert len(result.stdout.splitlines()) == count


def test_a_session_without_messages_is_said_to_have_none_yet(run: Run) -> None:
    result = run("transcript", SESSION)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"no messages of session {SESSION} yet" in result.stderr
    assert "crossline inbox" in result.stderr


def test_what_is_no_session_id_is_refused_without_asking_the_database(run: Run) -> None:
    result = run("transcript", "two words")

    assert result.exit_code == 2
    assert "1 to 64 visible ASCII characters" in result.stderr


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("+1 (555) 010-0001\n", id="any spelling"),
        pytest.param("15550100001", id="digits without a newline"),
    ],
)
def test_the_sessions_of_a_number_are_found(run: Run, settings: Settings, typed: str) -> None:
    store_messages(
        settings,
        [
            make_message(session_reference_id="S-OLD", submit_timestamp="2026-05-01T09:30:00"),
            make_message(session_reference_id="S-NEW", submit_timestamp="2026-05-04T09:30:00", to_phone_number="15550100001"),
            make_message(session_reference_id="S-OTHER", from_phone_number="15550100003"),
        ],
    )

    plain = run("transcript", "find", "--phone", "-", stdin=typed)
    as_json = run("transcript", "find", "--phone", "-", "--json", stdin=typed)

    assert plain.stdout.splitlines() == ["S-NEW", "S-OLD"]
    assert json.loads(as_json.stdout) == {"sessions": ["S-NEW", "S-OLD"]}


def test_a_number_on_the_command_line_is_refused_and_not_repeated(run: Run) -> None:
    result = run("transcript", "find", "--phone", "15550100001")

    assert result.exit_code == 2
    assert "standard input" in result.stderr
    assert "15550100001" not in result.output


@pytest.mark.parametrize(
    "typed, code",
    [pytest.param("", 2, id="nothing"), pytest.param("hello\n", 2, id="no digits"), pytest.param("15550109999\n", 1, id="unknown")],
)
def test_a_number_that_leads_nowhere_is_an_error(run: Run, typed: str, code: int) -> None:
    result = run("transcript", "find", "--phone", "-", stdin=typed)

    assert (result.exit_code, result.stdout) == (code, "")


@pytest.mark.parametrize(
    "text, shown",
    [
        pytest.param("a\x1b[31mred", r"a\x1b[31mred", id="escape"),
        pytest.param("a\tb", r"a\tb", id="tab"),
        pytest.param("a\x7fb\x85c", r"a\x7fb\x85c", id="delete and next line"),
        pytest.param("a\u2028b", r"a\u2028b", id="line separator"),
        pytest.param("a\u202eb\u2066c", r"a\u202eb\u2066c", id="forced directions"),
        pytest.param("\ud800", r"\ud800", id="lone surrogate"),
        pytest.param("C:\\new", "C:\\new", id="a backslash is itself"),
        pytest.param("שלום עליכם \u200f", "שלום עליכם \u200f", id="right-to-left letters and mark"),
        pytest.param("👨‍👩‍👧 🏳️‍🌈 é", "👨‍👩‍👧 🏳️‍🌈 é", id="emoji with joiners"),
        pytest.param("\u00a0\ufeff", "\u00a0\ufeff", id="spaces of other kinds"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_json_made_visible_means_the_same() -> None:
    assert visible_json('"a\u009bb\u202e🧳"'.encode()) == '"a\\u009bb\\u202e🧳"'


@pytest.mark.parametrize(
    "number, shown",
    [
        pytest.param("+15550100001", "…01", id="a number"),
        pytest.param("123", "…23", id="a short one"),
        pytest.param("12", "…", id="one too short to be shown in part"),
        pytest.param("anonymous", "…", id="no digits"),
    ],
)
def test_of_a_number_only_the_last_two_digits_are_shown(number: str, shown: str) -> None:
    assert masked_number(number) == shown


@pytest.mark.parametrize(
    "value, cell",
    [
        pytest.param("=1+1", "'=1+1", id="equals"),
        pytest.param("+15550100001", "'+15550100001", id="plus"),
        pytest.param("-2", "'-2", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("  =1", "'  =1", id="behind spaces"),
        pytest.param("\t1", "'\t1", id="tab first"),
        pytest.param("＝1", "'＝1", id="full width"),
        pytest.param("a\0b", "a\ufffdb", id="nul"),
        pytest.param("1 = 1", "1 = 1", id="equals inside"),
        pytest.param("a-b", "a-b", id="minus inside"),
        pytest.param("mail me@x.example", "mail me@x.example", id="at inside"),
        pytest.param("…01", "…01", id="a masked number"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_cell_that_would_be_computed_is_text(value: str, cell: str) -> None:
    assert safe_cell(value) == cell
