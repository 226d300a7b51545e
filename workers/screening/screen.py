"""THE place where messages become findings. Pure: the same messages and the same policy always give the same findings."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from schemas.conversations import Conversation, SenderPast, Utterance
from schemas.findings import Finding, FindingKind
from workers.screening.compiled import CompiledPolicy, CompiledRule
from workers.screening.detectors.matches import ConversationMatch, Match
from workers.screening.text import PreparedText

# A text of nothing but matches would fill the store with them; a moderator needs no more of one rule to decide about one message.
MOST_MATCHES_OF_A_RULE: Final = 16


def screen(
    messages: Sequence[Utterance],
    conversation: Conversation,
    sender: SenderPast,  # noqa: ARG001  rules about a sender's past come with the policy; the border has them now
    policy: CompiledPolicy,
) -> list[Finding]:
    """What the policy's rules say of the new messages, ordered by message, place and rule.

    `messages`: all that is known of the conversation, of both parties, in submit order; findings hang on new ones alone. What is
    split over messages is found when a new one takes part in it, and hangs on the last new one. Total: no text raises. A rule that
    raises is one finding of kind `error` a message, or one for the conversation, and the others run.
    """
    findings: list[Finding] = []
    over_messages: dict[str, tuple[CompiledRule, int]] = {}
    for position, utterance in enumerate(messages):
        if not utterance.is_new:
            continue
        prepared = PreparedText(utterance.text)
        for one in policy.with_cause(prepared.data):
            if one.conversation_detector is not None:
                over_messages[one.rule.id] = (one, position)
            else:
                matches = _in_text(one, prepared, conversation.regions)
                findings += _findings(one, ((position, match) for match in matches), position, policy.version)
    for one, position in over_messages.values():
        found = _over_messages(one, messages, conversation.regions)
        findings += _findings(one, ((match.message, match.match) for match in found), position, policy.version)
    findings.sort(key=lambda finding: (finding.message, finding.start, finding.end, finding.rule))
    return findings


def _findings(one: CompiledRule, matches: Iterable[tuple[int, Match]], position: int, version: str) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(_finding(one, message, match, version) for message, match in islice(matches, MOST_MATCHES_OF_A_RULE))
    except Exception as error:  # noqa: BLE001  a rule's own fault must not cost the message the other rules; RQ's timeout is no Exception
        fault = Match(start=0, end=0, evidence="", reading=type(error).__name__)
        found.append(_finding(one, position, fault, version, kind=FindingKind.ERROR))
    return found


def _in_text(one: CompiledRule, prepared: PreparedText, regions: tuple[str, ...]) -> Iterator[Match]:
    excused = _excused(one, prepared)
    matches = _located(one.locator, prepared) if one.text_detector is None else one.text_detector.find(prepared.text, regions)
    for match in matches:
        if not _overlaps(match, excused):
            yield match


def _over_messages(one: CompiledRule, messages: Sequence[Utterance], regions: tuple[str, ...]) -> Iterator[ConversationMatch]:
    assert one.conversation_detector is not None
    for found in one.conversation_detector.find(messages, regions):
        excused = _excused(one, PreparedText(messages[found.message].text))
        if not _overlaps(found.match, excused):
            yield found


def _located(locator: Any, prepared: PreparedText) -> Iterator[Match]:
    """Where an expression's group 1 matches, from left to right; what stands behind it may begin the next match."""
    place = locator.search(prepared.data)
    while place is not None:
        first, past = place.span(1)
        if past > first:
            start, end = prepared.character_at(first), prepared.character_at(past)
            evidence = prepared.text[start:end]
            yield Match(start=start, end=end, evidence=evidence, reading=" ".join(evidence.lower().split()))
        place = locator.search(prepared.data, max(past, first + 1)) if past < len(prepared.data) else None


def _excused(one: CompiledRule, prepared: PreparedText) -> list[tuple[int, int]]:
    if one.excuses is None:
        return []
    return [(match.start, match.end) for match in _located(one.excuses, prepared)]


def _overlaps(match: Match, spans: list[tuple[int, int]]) -> bool:
    return any(start < match.end and match.start < end for start, end in spans)


def _finding(one: CompiledRule, message: int, match: Match, version: str, *, kind: FindingKind = FindingKind.MATCH) -> Finding:
    rule = one.rule
    return Finding(
        message=message,
        rule=rule.id,
        category=rule.category,
        severity=rule.severity,
        mode=rule.mode,
        action=rule.action,
        start=match.start,
        end=match.end,
        evidence=match.evidence,
        reading=match.reading,
        policy_version=version,
        kind=kind,
    )
