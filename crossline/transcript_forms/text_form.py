"""A transcript as text: one whole line a message, one indented line a finding. Colours on a terminal alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from crossline.transcript_forms.entries import Entry
from crossline.visible import visible
from schemas.findings import Finding, FindingKind, Mode
from store.cases import Case

if TYPE_CHECKING:
    from rich.console import Console

_SEVERITY_STYLES: Final = {1: "dim", 2: "yellow", 3: "bold yellow", 4: "bold red"}
_PARTY_STYLES: Final = {"A": "cyan", "B": "green"}


class TextForm:
    """Writes entries as they come."""

    def __init__(self, console: "Console | None", *, local: bool) -> None:
        self._console = console
        self._local = local

    def begin(self) -> None:
        """Text has no head."""

    def add(self, entry: Entry) -> None:
        """One message and what was found in it."""
        self._write(message_line(entry, local=self._local), _PARTY_STYLES.get(entry.party, ""))
        for finding in entry.findings:
            self._write(finding_line(finding), _SEVERITY_STYLES.get(finding.severity, ""))

    def end(self, cases: Sequence[Case]) -> None:
        """One line a case."""
        for case in cases:
            self._write(case_line(case, local=self._local), _SEVERITY_STYLES.get(case.severity, ""))

    def _write(self, line: str, style: str) -> None:
        if self._console is None:
            click.echo(line)
        else:
            self._console.print(line, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)


def message_line(entry: Entry, *, local: bool) -> str:
    """`2026-05-04T09:30:00Z  A …01  text`"""
    return f"{instant(entry.message.submitted_at, local=local)}  {entry.party} {visible(entry.from_number)}  {visible(entry.message.text)}"


def finding_line(finding: Finding) -> str:
    """The rule, its severity, and how the machine read what it found."""
    if finding.kind is FindingKind.ERROR:
        return f"    ! {finding.rule} failed ({visible(finding.reading)}); the message was screened without it"
    shadow = " (shadow)" if finding.mode is Mode.SHADOW else ""
    reading = f" read as “{visible(finding.reading)}”" if finding.reading != finding.evidence else ""
    return f"    ! {finding.rule}{shadow}, severity {finding.severity}: “{visible(finding.evidence)}”{reading}"


def case_line(case: Case, *, local: bool) -> str:
    """What a moderator is asked about the conversation."""
    findings = "1 finding" if case.finding_count == 1 else f"{case.finding_count} findings"
    return f"Case {case.state}, severity {case.severity}, {findings}, opened {instant(case.opened_at, local=local)}"


def instant(at: datetime, *, local: bool) -> str:
    """An instant in UTC with Z, or in this machine's zone with its offset; fractions only where there are any."""
    return at.astimezone().isoformat() if local else at.isoformat().replace("+00:00", "Z")
