"""What the screening tests ask with: short ways to write messages, rules and policies."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from schemas.conversations import Conversation, SenderPast, Utterance
from schemas.findings import Finding
from schemas.policy import Policy, policy_of
from workers.screening.compiled import CompiledPolicy, compile_policy
from workers.screening.default import default_policy
from workers.screening.detectors.matches import TextFinder
from workers.screening.screen import screen

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


@cache
def shipped() -> CompiledPolicy:
    """The policy of the package, ready to run."""
    return compile_policy(default_policy())


def make_policy(*rules: dict[str, object]) -> Policy:
    """A policy of rules, each with what a test leaves out."""
    filled = [
        {"id": f"test.rule{n}", "title": "A rule", "category": "spam", "severity": 2, "guidance": "Look."} | r for n, r in enumerate(rules)
    ]
    return policy_of({"test.toml": {"rule": filled}}, version="test-1")


def say(*lines: str, new: Sequence[int] | None = None) -> list[Utterance]:
    """Messages in submit order, a second apart, each written as `sender: text`. `new`: the places of the new ones; without it all are."""
    said = [line.partition(": ") for line in lines]
    return [
        Utterance(text=text, sender=sender, submitted_at=NOON + timedelta(seconds=place), is_new=new is None or place in new)
        for place, (sender, _, text) in enumerate(said)
    ]


def screen_text(text: str, policy: CompiledPolicy | None = None, *, regions: tuple[str, ...] = ()) -> list[Finding]:
    """What a policy, or the shipped one, says of one text."""
    message = Utterance(text=text, sender="a", submitted_at=NOON)
    return screen([message], Conversation(regions=regions), SenderPast(), policy or shipped())


def screen_all(messages: Sequence[Utterance], policy: CompiledPolicy | None = None, *, regions: tuple[str, ...] = ()) -> list[Finding]:
    """What a policy, or the shipped one, says of a conversation."""
    return screen(messages, Conversation(regions=regions), SenderPast(), policy or shipped())


def evidence_of(find: TextFinder, text: str, regions: tuple[str, ...] = ()) -> list[str]:
    """The evidence that a detector finds in one text."""
    return [match.evidence for match in find(text, regions)]
