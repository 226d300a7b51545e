"""`crossline screen`: one text, or lines of JSON, screened against the policy shipped in the package. Needs no store, key or setting."""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import click
import orjson

from crossline.finding_fields import finding_fields
from schemas.conversations import Conversation, SenderPast, Utterance
from schemas.findings import Finding, FindingKind
from workers.screening.compiled import CompiledPolicy, compile_policy
from workers.screening.default import default_policy
from workers.screening.screen import screen as screen_messages

# Lines carry no times: their messages follow each other at once.
_AT: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN_CHARACTERS: Final = 80


class BadLine(ValueError):
    """A line of `--jsonl` that is not what it should be; says what to do."""

    def __init__(self, message: str, *, line_id: Any = None) -> None:
        super().__init__(message)
        self.line_id = line_id


def _region(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is not None and not re.fullmatch("[A-Za-z]{2}", given):
        raise click.BadParameter("a region is two letters, such as US, GB or BR.")
    return given


@click.command(short_help="Screen a text, or lines of JSON, against the policy.")
@click.argument("text", required=False)
@click.option(
    "--region", metavar="CODE", callback=_region, help="Where a number may be dialled from, such as US; without it none is assumed."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
@click.option("--jsonl", "as_lines", is_flag=True, help="Screen lines of JSON from standard input, and answer each with one.")
def screen(text: str | None, region: str | None, as_json: bool, as_lines: bool) -> None:
    """Screen TEXT (- for standard input) against the policy shipped with Crossline, and say what was found and how it was read.

    With --jsonl each line of standard input is {"id", "text", "region"?} or {"id", "messages": [{"from", "text"}], "region"?}, and
    standard output has one line for each, {"id", "findings"}, or {"id", "error"} for a line that cannot be read; then the exit code is 1.
    """
    try:
        if as_lines:
            _screen_lines(text, region)
        else:
            _screen_one(text, region, as_json=as_json)
    except BrokenPipeError:
        # Who read the output has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _screen_one(text: str | None, region: str | None, *, as_json: bool) -> None:
    if text is None:
        raise click.UsageError("Give a TEXT, - to read it from standard input, or --jsonl.")
    whole = sys.stdin.buffer.read().decode("utf-8", "replace") if text == "-" else text
    findings = screen_messages([_utterance(whole, "a")], _conversation(region), SenderPast(), compile_policy(default_policy()))
    if as_json:
        _write(sys.stdout.buffer, {"findings": [_as_dict(finding) for finding in findings]})
    else:
        click.echo("\n\n".join(_paragraph(finding) for finding in findings) or "Nothing found.")


def _screen_lines(text: str | None, region: str | None) -> None:
    if text not in (None, "-"):
        raise click.UsageError("With --jsonl the texts come from standard input: leave TEXT out.")
    policy = compile_policy(default_policy())
    output = sys.stdout.buffer
    bad = False
    for number, line in _numbered(sys.stdin.buffer):
        try:
            answer = _answer(line, region, policy)
        except BadLine as error:
            bad = True
            answer = {"id": error.line_id, "error": f"line {number}: {error}"}
        _write(output, answer)
    if bad:
        click.get_current_context().exit(1)


def _numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines of a stream that are not blank, with their numbers from 1, each as soon as it is there."""
    for number, line in enumerate(iter(stream.readline, b""), start=1):
        if line.strip():
            yield number, line


def _answer(line: bytes, region: str | None, policy: CompiledPolicy) -> dict[str, Any]:
    decoded = _decoded(line)
    line_id = decoded.get("id")
    if not isinstance(line_id, str | int) or isinstance(line_id, bool):
        raise BadLine('give "id", a string or a whole number')
    messages, is_conversation = _messages(decoded, line_id)
    own_region = decoded.get("region", region)
    if own_region is not None and not isinstance(own_region, str):
        raise BadLine('"region" must be a region code such as "US", or be left out', line_id=line_id)
    findings = screen_messages(messages, _conversation(own_region), SenderPast(), policy)
    return {"id": line_id, "findings": [_as_dict(finding, with_message=is_conversation) for finding in findings]}


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        # Not orjson: it refuses an escaped lone surrogate, which people's phones do send.
        decoded = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadLine("not UTF-8; write the file as UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("not JSON; write one whole JSON object on each line") from None
    if not isinstance(decoded, dict):
        raise BadLine('not a JSON object; write {"id": ..., "text": ...}')
    return decoded


def _messages(decoded: dict[str, Any], line_id: str | int) -> tuple[Sequence[Utterance], bool]:
    """The line's messages, and whether it is a conversation."""
    match decoded:
        case {"text": _, "messages": _}:
            raise BadLine('give either "text" or "messages", not both', line_id=line_id)
        case {"text": str(text)}:
            return [_utterance(text, "a")], False
        case {"text": _}:
            raise BadLine('"text" must be a string', line_id=line_id)
        case {"messages": list(messages)}:
            return [_message(message, index, line_id) for index, message in enumerate(messages)], True
        case {"messages": _}:
            raise BadLine('"messages" must be a list of {"from", "text"}', line_id=line_id)
    raise BadLine('give "text", a string, or "messages", a list of {"from", "text"}', line_id=line_id)


def _message(message: Any, index: int, line_id: str | int) -> Utterance:
    match message:
        case {"from": str(sender), "text": str(text)}:
            return _utterance(text, sender)
    raise BadLine(f'message {index} must be an object with the strings "from" and "text"', line_id=line_id)


def _utterance(text: str, sender: str) -> Utterance:
    return Utterance(text=text, sender=sender, submitted_at=_AT)


def _conversation(region: str | None) -> Conversation:
    return Conversation(regions=(region.strip().upper(),) if region else ())


def _as_dict(finding: Finding, *, with_message: bool = False) -> dict[str, Any]:
    """A finding as it is printed; `kind` stands only where the rule itself failed."""
    return {
        **finding_fields(finding),
        **({"message": finding.message} if with_message else {}),
        **({"kind": finding.kind} if finding.kind is FindingKind.ERROR else {}),
    }


def _write(output: BinaryIO, value: dict[str, Any]) -> None:
    try:
        line = orjson.dumps(value)
    except TypeError:
        # A lone surrogate has no UTF-8 form: escape it as it came.
        line = json.dumps(value).encode()
    output.write(line + b"\n")
    output.flush()


def _paragraph(finding: Finding) -> str:
    if finding.kind is FindingKind.ERROR:
        return f"{finding.rule}  could not run: {finding.reading}"
    acts = finding.action if finding.mode == "enforce" else f"{finding.mode}: {finding.action}"
    lines = [
        f"{finding.category}  severity {finding.severity}  {acts}",
        f"  {finding.rule}, characters {finding.start} to {finding.end}: {_printable(finding.evidence)}",
    ]
    if finding.reading != finding.evidence:
        lines.append(f"  read as: {_printable(finding.reading)}")
    return "\n".join(lines)


def _printable(text: str) -> str:
    """A text on one line of a terminal, which it cannot steer."""
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "\u2026"
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in shown)
