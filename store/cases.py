"""Findings, and the cases that they open or extend."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import case, select, text

from schemas.findings import Action, Category, Finding, FindingKind, Mode
from schemas.tables import cases, findings
from store.engine import Tx
from store.rows import upsert_into
from store.sealing.keyring import DataKey


class CaseState(StrEnum):
    """Where a case stands. One conversation has at most one case that is open."""

    OPEN = "open"


@dataclass(frozen=True, slots=True)
class FindingOf:
    """A finding, and the message that it was raised of. `ordinal`: which of that message's findings it is, from 0."""

    session_reference_id: str
    mo_reference_id: str
    ordinal: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Case:
    """What a moderator is asked to decide about a conversation."""

    id: str
    session_reference_id: str
    state: CaseState
    severity: int
    finding_count: int
    opened_at: datetime
    updated_at: datetime


def add_findings(tx: Tx, raised: Sequence[FindingOf], keys: Mapping[str, DataKey], *, now: datetime) -> None:
    """Write findings of messages that this transaction has just inserted."""
    if not raised:
        return
    tx.execute(findings.insert(), [_row(one, keys[one.session_reference_id], now) for one in raised])


def open_or_extend(tx: Tx, raised: Sequence[FindingOf], *, now: datetime) -> int:
    """Open a case for each conversation that has none open, extend the others; how many were opened.

    Only findings that ask for a case count. Call it with the conversations locked.
    """
    asking: dict[str, list[int]] = {}
    for one in raised:
        if one.finding.asks_for_a_case:
            asking.setdefault(one.session_reference_id, []).append(one.finding.severity)
    if not asking:
        return 0
    statement = upsert_into(tx, cases)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[cases.c.session_reference_id],
        # Literal: a bound parameter here would make the statement unfit for many rows, and the index unfit for the statement.
        index_where=text("state = 'open'"),
        set_={
            "severity": case((new.severity > cases.c.severity, new.severity), else_=cases.c.severity),
            "finding_count": cases.c.finding_count + new.finding_count,
            "updated_at": new.updated_at,
        },
    )
    rows = [
        {
            "id": secrets.token_hex(16),
            "session_reference_id": session_reference_id,
            "state": CaseState.OPEN.value,
            "severity": max(severities),
            "finding_count": len(severities),
            "opened_at": now,
            "updated_at": now,
        }
        for session_reference_id, severities in sorted(asking.items())
    ]
    standing = set(tx.execute(statement.returning(cases.c.id), rows).scalars())
    return len(standing & {row["id"] for row in rows})


def cases_of(tx: Tx, session_reference_id: str) -> list[Case]:
    """The cases of a conversation, the newest first."""
    rows = tx.execute(select(cases).where(cases.c.session_reference_id == session_reference_id).order_by(cases.c.opened_at.desc()))
    return [_case(row) for row in rows]


def open_cases(tx: Tx, *, limit: int) -> list[Case]:
    """Cases that wait for a decision, the most severe first, and of those the oldest."""
    rows = tx.execute(
        select(cases)
        .where(cases.c.state == CaseState.OPEN.value)
        .order_by(cases.c.severity.desc(), cases.c.opened_at, cases.c.id)
        .limit(limit)
    )
    return [_case(row) for row in rows]


def findings_of(
    tx: Tx, session_reference_id: str, key: DataKey, *, mo_reference_ids: Sequence[str] | None = None
) -> dict[str, list[Finding]]:
    """The findings of a conversation, or of some of its messages, by `mo_reference_id`, in the order in which they were raised."""
    statement = select(findings).where(findings.c.session_reference_id == session_reference_id)
    if mo_reference_ids is not None:
        statement = statement.where(findings.c.mo_reference_id.in_(mo_reference_ids))
    rows = tx.execute(statement.order_by(findings.c.mo_reference_id, findings.c.ordinal))
    found: dict[str, list[Finding]] = {}
    for row in rows:
        found.setdefault(row.mo_reference_id, []).append(_finding(row, key))
    return found


def _row(one: FindingOf, key: DataKey, now: datetime) -> dict[str, Any]:
    finding = one.finding
    return {
        "mo_reference_id": one.mo_reference_id,
        "ordinal": one.ordinal,
        "session_reference_id": one.session_reference_id,
        "rule": finding.rule,
        "kind": finding.kind.value,
        "category": finding.category.value,
        "severity": finding.severity,
        "mode": finding.mode.value,
        "action": finding.action.value,
        "span_start": finding.start,
        "span_end": finding.end,
        "policy_version": finding.policy_version,
        "found_at": now,
        "sealed": key.seal(
            "findings", f"{one.mo_reference_id}/{one.ordinal}", orjson.dumps({"evidence": finding.evidence, "reading": finding.reading})
        ),
    }


def _case(row: Any) -> Case:
    return Case(row.id, row.session_reference_id, CaseState(row.state), row.severity, row.finding_count, row.opened_at, row.updated_at)


def _finding(row: Any, key: DataKey) -> Finding:
    private = orjson.loads(key.open("findings", f"{row.mo_reference_id}/{row.ordinal}", row.sealed))
    return Finding(
        message=0,
        rule=row.rule,
        category=Category(row.category),
        severity=row.severity,
        mode=Mode(row.mode),
        action=Action(row.action),
        start=row.span_start,
        end=row.span_end,
        evidence=private["evidence"],
        reading=private["reading"],
        policy_version=row.policy_version,
        kind=FindingKind(row.kind),
    )
