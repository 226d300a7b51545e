"""Any text can be screened, always gives the same findings, and every span is a span of it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.findings import Finding, FindingKind
from tests.screening.asking import say, screen_all, screen_text, shipped
from workers.screening.screen import MOST_MATCHES_OF_A_RULE
from workers.screening.text import PreparedText

ANY_CHARACTER = st.characters(codec=None)
PIECES = st.sampled_from(
    [
        "510-444-5610", "510", "444", "5610", "+44 7700 900123", "07700 900123", "(0", "+", "00", "\u0660\u0661\u0662", "\uff15\uff11\uff10",
        "tom@example.com", "@", ".", "www.", "https://", "example.org", "hxxp://", "shit", "kill myself", "I'll kill you", "don\u2019t",
        "\x00", "\u0301", "\u202e", "\u200d", "\ud800", "\udfff", "\U0001f468\u200d\U0001f469", "\u0627\u0644", " ", "\n", "\u00a0", "\u212a", "\u0130",
    ]
)  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(ANY_CHARACTER, max_size=8)), max_size=12).map("".join)
REGIONS = st.sampled_from([(), ("US",), ("DK", "BR"), ("nowhere",)])


def assert_spans(finding: Finding, text: str) -> None:
    assert finding.kind is FindingKind.MATCH
    assert 0 <= finding.start < finding.end <= len(text)
    assert text[finding.start : finding.end] == finding.evidence
    assert finding.reading


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, regions=REGIONS)
@example(text="\ud800 510-444-5610 \udfff shit", regions=())
@example(text="\u0130\u212a shit \U0001f468 tom@example.com", regions=())
def test_any_text_gives_the_same_findings_with_true_spans(text: str, regions: tuple[str, ...]) -> None:
    findings = screen_text(text, regions=regions)

    assert findings == screen_text(text, regions=regions)
    for finding in findings:
        assert_spans(finding, text)


@settings(max_examples=150, deadline=None)
@given(
    said=st.lists(st.tuples(st.sampled_from("ab"), TEXTS, st.booleans()), max_size=8),
    regions=REGIONS,
)
def test_any_conversation_gives_the_same_findings_on_new_messages(said: list[tuple[str, str, bool]], regions: tuple[str, ...]) -> None:
    messages = say(*(f"{sender}: {text}" for sender, text, _ in said), new=[place for place, (_, _, new) in enumerate(said) if new])
    findings = screen_all(messages, regions=regions)

    assert findings == screen_all(messages, regions=regions)
    for finding in findings:
        assert messages[finding.message].is_new
        assert_spans(finding, messages[finding.message].text)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_the_pass_over_all_rules_misses_nothing_that_a_rule_alone_finds(text: str) -> None:
    policy, data = shipped(), PreparedText(text).data
    alone = [one for one in policy.rules if one.locator is not None and one.locator.search(data)]

    assert alone == [one for one in policy.with_cause(data) if one.locator is not None]


@settings(max_examples=200, deadline=None)
@given(text=st.text(ANY_CHARACTER, max_size=40), places=st.lists(st.integers(0, 40), max_size=6))
def test_a_byte_leads_back_to_its_character_in_any_order(text: str, places: list[int]) -> None:
    prepared = PreparedText(text)

    for place in (min(place, len(text)) for place in places):
        byte = len(text[:place].encode("utf-8", "replace"))
        assert prepared.character_at(byte) == place


@pytest.mark.parametrize(
    "unit",
    ["1", "1 ", "510-444-5610 ", "+", "+1 ", "@", "a@", "a.", "www.", "http://", "shit ", "\x00", "\u0301", "\u202e", "\ud800", "\U0001f600", "(", "5 1 0 "],
    ids=lambda unit: " ".join(f"u{ord(character):04x}" for character in unit),
)  # fmt: skip
def test_three_hundred_thousand_characters_are_screened_like_any_other_text(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    findings = screen_text(text)

    assert len(findings) <= MOST_MATCHES_OF_A_RULE * len(shipped().rules)
    for finding in findings:
        assert_spans(finding, text)
