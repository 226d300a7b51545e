"""A transcript as JSON: one object, or one object a line."""

from collections.abc import Sequence
from typing import Any, TextIO

import orjson

from crossline.finding_fields import finding_fields
from crossline.transcript_forms.entries import Entry
from crossline.transcript_forms.text_form import instant
from crossline.visible import visible_json
from schemas.findings import Finding
from store.cases import Case


class JsonForm:
    """Writes one object as its entries come. `on_lines`: each entry is an object of its own, flushed with its line."""

    def __init__(self, out: TextIO, session_reference_id: str, *, local: bool, on_lines: bool) -> None:
        self._out = out
        self._session_reference_id = session_reference_id
        self._local = local
        self._on_lines = on_lines
        self._between = ""

    def begin(self) -> None:
        """The object's head."""
        if not self._on_lines:
            self._out.write(f'{{"session_reference_id":{_dump(self._session_reference_id)},"messages":[')

    def add(self, entry: Entry) -> None:
        """One message."""
        document = _dump(_document(entry, local=self._local))
        if self._on_lines:
            self._out.write(f"{document}\n")
            self._out.flush()
        else:
            self._out.write(f"{self._between}{document}")
            self._between = ","

    def end(self, cases: Sequence[Case]) -> None:
        """The object's foot, with the cases."""
        if not self._on_lines:
            self._out.write(f'],"cases":{_dump([_case(case, local=self._local) for case in cases])}}}\n')


def _document(entry: Entry, *, local: bool) -> dict[str, Any]:
    message = entry.message
    return {
        "mo_reference_id": message.mo_reference_id,
        "session_reference_id": message.session_reference_id,
        "submitted_at": instant(message.submitted_at, local=local),
        "received_at": instant(message.received_at, local=local),
        "submit_timestamp": message.submit_timestamp,
        "party": entry.party,
        "from": entry.from_number,
        "to": entry.to_number,
        "text": message.text,
        "notes": list(message.notes),
        "findings": [_finding(finding) for finding in entry.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {**finding_fields(finding), "kind": finding.kind, "policy_version": finding.policy_version}


def _case(case: Case, *, local: bool) -> dict[str, Any]:
    return {
        "id": case.id,
        "state": case.state,
        "severity": case.severity,
        "finding_count": case.finding_count,
        "opened_at": instant(case.opened_at, local=local),
        "updated_at": instant(case.updated_at, local=local),
    }


def _dump(value: Any) -> str:
    return visible_json(orjson.dumps(value))
