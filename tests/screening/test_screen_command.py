"""`crossline screen` as people and programs run it."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.crossline import COMMAND, process_environ

PHONE = {
    "rule": "contact.phone",
    "category": "contact",
    "severity": 3,
    "mode": "enforce",
    "action": "case",
    "start": 5,
    "end": 17,
    "evidence": "510-444-5610",
    "reading": "510-444-5610",
}


def run(directory: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command in an empty directory and an empty environment: it needs no store, key or setting."""
    command = [str(COMMAND), "screen", *arguments]
    return subprocess.run(command, input=given, capture_output=True, cwd=directory, env=process_environ({}), timeout=60, check=False)


def answers(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_person_reads_what_was_found(tmp_path: Path) -> None:
    done = run(tmp_path, "call (510) 444 5610, shit")

    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == [
        "contact  severity 3  case",
        "  contact.phone, characters 5 to 19: (510) 444 5610",
        "  read as: 510-444-5610",
        "",
        "profanity  severity 1  record",
        "  profanity.words, characters 21 to 25: shit",
    ]
    assert list(tmp_path.iterdir()) == []


def test_nothing_found_is_said(tmp_path: Path) -> None:
    assert run(tmp_path, "see you at 5").stdout == b"Nothing found.\n"


def test_what_steers_a_terminal_is_shown_and_not_sent(tmp_path: Path) -> None:
    done = run(tmp_path, "-", given=b"http://a.com/\x1b[2Jx")

    assert b"\x1b" not in done.stdout
    assert b"\\u001b[2Jx" in done.stdout


def test_json_is_one_object(tmp_path: Path) -> None:
    assert answers(run(tmp_path, "--json", "call 510-444-5610")) == [{"findings": [PHONE]}]
    assert answers(run(tmp_path, "--json", "-", given=b"call 510-444-5610")) == [{"findings": [PHONE]}]
    assert answers(run(tmp_path, "--json", "hello")) == [{"findings": []}]


def test_a_region_may_be_given(tmp_path: Path) -> None:
    assert answers(run(tmp_path, "--json", "20 12 34 56")) == [{"findings": []}]
    assert [f["reading"] for f in answers(run(tmp_path, "--json", "--region", "dk", "20 12 34 56"))[0]["findings"]] == ["+45 20 12 34 56"]


@pytest.mark.parametrize(
    "arguments", [[], ["--jsonl", "a text"], ["--region", "Denmark", "a text"]], ids=["no text", "a text beside --jsonl", "no region"]
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments)

    assert done.returncode == 2
    assert done.stdout == b""
    assert b"Error: " in done.stderr


def test_lines_are_answered_one_by_one(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"id": "one", "text": "call 510-444-5610"},
        {"id": 2, "text": "20 12 34 56", "region": "DK"},
        {"id": "three", "text": "hello"},
        {
            "id": "four",
            "messages": [{"from": "a", "text": t} for t in ("510", "444", "5610")] + [{"from": "b", "text": "call 510-444-5610"}],
        },
        {"id": "five", "messages": []},
    ]
    done = run(tmp_path, "--jsonl", given=b"\n".join(json.dumps(line).encode() for line in lines))
    one, two, three, four, five = answers(done)

    assert done.returncode == 0
    assert one == {"id": "one", "findings": [PHONE]}
    assert (two["id"], [finding["reading"] for finding in two["findings"]]) == (2, ["+45 20 12 34 56"])
    assert three == {"id": "three", "findings": []}
    assert [(finding["rule"], finding["message"]) for finding in four["findings"]] == [("contact.split_phone", 2), ("contact.phone", 3)]
    assert five == {"id": "five", "findings": []}


BAD_LINES = {
    "not JSON": (b"nope", None, "write one whole JSON object"),
    "not an object": (b"[1]", None, "not a JSON object"),
    "not UTF-8": (b'{"id": "x\xff"}', None, "UTF-8"),
    "nested without end": (b"[" * 100_000, None, "write one whole JSON object"),
    "no id": (b'{"text": "shit"}', None, '"id"'),
    "an id that is nothing": (b'{"id": null, "text": "shit"}', None, '"id"'),
    "an id that is true": (b'{"id": true, "text": "shit"}', None, '"id"'),
    "neither text nor messages": (b'{"id": "x"}', "x", 'give "text"'),
    "a text that is a number": (b'{"id": "x", "text": 5}', "x", '"text" must be a string'),
    "text and messages": (b'{"id": "x", "text": "a", "messages": []}', "x", "not both"),
    "messages that are no list": (b'{"id": "x", "messages": {}}', "x", "must be a list"),
    "a message of nobody": (b'{"id": "x", "messages": [{"from": "a", "text": "b"}, {"text": "b"}]}', "x", "message 1"),
    "a message that is no object": (b'{"id": "x", "messages": ["a"]}', "x", "message 0"),
    "a region that is a number": (b'{"id": "x", "text": "a", "region": 5}', "x", '"region"'),
}
STRANGE_TEXTS = {"NUL": "\x00", "a surrogate": "\ud800 tom@example.com", "marks": "\u202e\u0301", "emoji": "\U0001f600" * 3000}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[bytes]:
    """One run over a good line, every bad line, a blank one, every strange text and the good line again."""
    good = b'{"id": "good", "text": "call 510-444-5610"}'
    bad = [line for line, _, _ in BAD_LINES.values()]
    strange = [json.dumps({"id": text, "text": text}).encode() for text in STRANGE_TEXTS.values()]
    return run(tmp_path_factory.mktemp("mixed"), "--jsonl", given=b"\n".join([good, *bad, b"", *strange, good]))


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named_with_what_to_do(mixed: subprocess.CompletedProcess[bytes], name: str) -> None:
    place = list(BAD_LINES).index(name) + 1
    _, line_id, says = BAD_LINES[name]
    answer = answers(mixed)[place]

    assert answer["id"] == line_id
    assert answer["error"].startswith(f"line {place + 1}: ")
    assert says in answer["error"]


def test_the_lines_beside_a_bad_one_are_screened(mixed: subprocess.CompletedProcess[bytes]) -> None:
    first, *_, last = answers(mixed)

    assert first == last == {"id": "good", "findings": [PHONE]}
    assert mixed.returncode == 1
    assert mixed.stderr == b""


@pytest.mark.parametrize("name", STRANGE_TEXTS)
def test_no_text_is_too_strange(mixed: subprocess.CompletedProcess[bytes], name: str) -> None:
    [answer] = [answer for answer in answers(mixed) if answer["id"] == STRANGE_TEXTS[name]]

    assert [finding["rule"] for finding in answer["findings"]] == (["contact.email"] if name == "a surrogate" else [])


def start(directory: Path) -> subprocess.Popen[bytes]:
    command = [str(COMMAND), "screen", "--jsonl"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=directory, env=process_environ({}))


def test_an_answer_comes_before_the_next_line_is_asked(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(b'{"id": %d, "text": "hello"}\n' % number)
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"id": number, "findings": []}
        process.stdin.close()
        assert process.wait(30) == 0


def test_ctrl_c_ends_quietly(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b'{"id": 1, "text": "hello"}\n')
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)

        assert process.wait(30) == 130
        assert process.stderr.read() == b""


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b'{"id": 1, "text": "hello"}\n')
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b'{"id": 2, "text": "hello"}\n')
        process.stdin.close()

        assert process.wait(30) == 0
        assert process.stderr.read() == b""
