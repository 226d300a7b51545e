"""A transcript as CSV (RFC 4180: CRLF, quotes doubled), safe to open in a spreadsheet.

A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection").
"""

import csv
from collections.abc import Sequence
from typing import Final, TextIO

from crossline.transcript_forms.entries import Entry
from crossline.transcript_forms.text_form import instant
from crossline.visible import visible
from schemas.findings import Finding
from store.cases import Case

HEAD: Final = ("submitted_at", "party", "from", "to", "text", "findings", "mo_reference_id")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "'")


class CsvForm:
    """Writes entries as they come. `escape_controls`: for a terminal; a file gets the text as it was written, newlines and all."""

    def __init__(self, out: TextIO, *, local: bool, escape_controls: bool) -> None:
        self._writer = csv.writer(out, lineterminator="\r\n")
        self._local = local
        self._escape_controls = escape_controls

    def begin(self) -> None:
        """The names of the columns."""
        self._writer.writerow(HEAD)

    def add(self, entry: Entry) -> None:
        """One message, one record."""
        message = entry.message
        cells = (
            instant(message.submitted_at, local=self._local),
            entry.party,
            entry.from_number,
            entry.to_number,
            message.text,
            "; ".join(_finding(finding) for finding in entry.findings),
            message.mo_reference_id,
        )
        self._writer.writerow([safe_cell(visible(cell) if self._escape_controls else cell) for cell in cells])

    def end(self, cases: Sequence[Case]) -> None:
        """CSV has no foot: a line about cases would be read as a message."""


def safe_cell(value: str) -> str:
    """The value, with an apostrophe before what a spreadsheet would compute or strip; NUL, which no spreadsheet reads, becomes U+FFFD."""
    shown = value.replace("\0", "\ufffd")
    first = shown.lstrip(" \t\r\n\u00a0\ufeff")[:1]
    return f"'{shown}" if first.startswith(_FORMULA_STARTS) or shown.startswith(("\t", "\r", "\n")) else shown


def _finding(finding: Finding) -> str:
    return f"{finding.rule} (severity {finding.severity}, {finding.mode.value}): {finding.reading}"
