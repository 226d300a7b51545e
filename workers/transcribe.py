"""One transaction: what was accepted becomes transcript, findings and cases. Gather, decide, apply, in the order that makes it exact.

Ids first, because they decide what is new; then the conversations, locked in sorted order, so that a detail split over messages is
found whichever workers took its parts; then the context, screening, and only inserts. Running it twice changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from schemas.batches import BatchItem, ItemKind
from schemas.callbacks import decode_callback
from schemas.clock import from_ms
from schemas.conversations import Conversation, SenderPast, Utterance
from schemas.errors import MalformedCallback
from schemas.messages import MoMessage
from store import cases, context, conversations, message_ids, quarantine, transcripts
from store.engine import Tx
from store.message_ids import Verdict
from store.sealing.digests import Digests
from store.sealing.keyring import Keyring
from workers.results import Results
from workers.screening.compiled import CompiledPolicy
from workers.screening.screen import screen

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What transcribing needs besides a transaction. `regions`: in which a number without a country code may be meant."""

    keyring: Keyring
    digests: Digests
    policy: CompiledPolicy
    regions: tuple[str, ...] = ()


def transcribe(tx: Tx, items: Sequence[BatchItem], tools: Tools, *, now: datetime) -> Results:
    """Write all that the items say and is not there yet. Nothing is done until the caller commits."""
    results = Results()
    received, kept = _decoded(items)
    verdicts = message_ids.register(tx, [message for message, _ in received], tools.digests)
    new = [message for (message, _), verdict in zip(received, verdicts, strict=True) if verdict is Verdict.NEW]
    results.duplicates = verdicts.count(Verdict.DUPLICATE)
    conflicts = [item for (_, item), verdict in zip(received, verdicts, strict=True) if verdict is Verdict.CONFLICT]
    kept += [quarantine.Received(quarantine.CONFLICT, item.body, from_ms(item.received_at_ms), acknowledged=True) for item in conflicts]
    results.conflicts = len(conflicts)
    keys = conversations.lock(tx, tools.keyring, (message.session_reference_id for message in new), now=now)
    stored = context.around(tx, context.spans_of(new), keys)
    raised = _findings(new, stored, tools)
    transcripts.add(tx, new, keys, tools.digests)
    cases.add_findings(tx, raised, keys, now=now)
    results.cases_opened = cases.open_or_extend(tx, raised, now=now)
    conversations.grow(tx, _growth(new))
    _keep(tx, kept, tools)
    results.transcribed = len(new)
    results.latencies_s = [max(0.0, (now - message.received_at).total_seconds()) for message in new]
    results.findings.update((one.finding.rule, one.finding.mode.value, one.finding.kind.value) for one in raised)
    return results


def _decoded(items: Sequence[BatchItem]) -> tuple[list[tuple[MoMessage, BatchItem]], list[quarantine.Received]]:
    received: list[tuple[MoMessage, BatchItem]] = []
    kept: list[quarantine.Received] = []
    for item in items:
        received_at = from_ms(item.received_at_ms)
        if item.kind is ItemKind.QUARANTINE:
            kept.append(quarantine.Received(item.reason, item.body, received_at))
            continue
        try:
            received.append((decode_callback(item.body, received_at=received_at), item))
        except MalformedCallback as error:
            # An older receiver accepted what this release no longer reads: it is kept, not dropped.
            kept.append(quarantine.Received(error.code, item.body, received_at, acknowledged=True))
    return received, kept


def _findings(new: Sequence[MoMessage], stored: dict[str, list[MoMessage]], tools: Tools) -> list[cases.FindingOf]:
    by_session: dict[str, list[MoMessage]] = {}
    for message in new:
        by_session.setdefault(message.session_reference_id, []).append(message)
    raised: list[cases.FindingOf] = []
    for session_reference_id, fresh in sorted(by_session.items()):
        raised += _findings_of(session_reference_id, fresh, stored.get(session_reference_id, []), tools)
    return raised


def _findings_of(session_reference_id: str, fresh: list[MoMessage], stored: list[MoMessage], tools: Tools) -> list[cases.FindingOf]:
    is_new = {message.mo_reference_id for message in fresh}
    known = sorted((*stored, *fresh), key=lambda message: (message.submitted_at, message.received_at, message.mo_reference_id))
    utterances = [
        Utterance(
            text=message.text,
            sender=tools.digests.of_phone_number(message.from_phone_number).hex(),
            submitted_at=message.submitted_at,
            is_new=message.mo_reference_id in is_new,
        )
        for message in known
    ]
    ordinals: dict[str, int] = {}
    raised = []
    for finding in screen(utterances, Conversation(regions=tools.regions), SenderPast(), tools.policy):
        mo_reference_id = known[finding.message].mo_reference_id
        ordinal = ordinals.get(mo_reference_id, 0)
        ordinals[mo_reference_id] = ordinal + 1
        raised.append(cases.FindingOf(session_reference_id, mo_reference_id, ordinal, finding))
    return raised


def _growth(new: Sequence[MoMessage]) -> dict[str, conversations.Growth]:
    grown: dict[str, conversations.Growth] = {}
    for message in new:
        at = message.received_at
        known = grown.get(message.session_reference_id, conversations.Growth(0, at, at))
        grown[message.session_reference_id] = conversations.Growth(
            known.messages + 1, min(known.first_received_at, at), max(known.last_received_at, at)
        )
    return grown


def _keep(tx: Tx, kept: list[quarantine.Received], tools: Tools) -> None:
    without_body = quarantine.keep(tx, kept, tools.keyring, tools.digests)
    if without_body:
        log.error("quarantine_full", entries_without_body=without_body)
