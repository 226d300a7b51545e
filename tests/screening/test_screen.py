"""What the border of screening promises: where findings hang, what a rule's fault does, and what is left out."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from schemas.findings import Action, Category, FindingKind, Mode
from tests.screening.asking import make_policy, say, screen_all, screen_text, shipped
from workers.screening.compiled import CompiledPolicy, compile_policy
from workers.screening.detectors.matches import ConversationDetector, Match, TextDetector
from workers.screening.screen import MOST_MATCHES_OF_A_RULE


class OutOfTime(BaseException):
    """Stands for what a worker's time limit raises inside a job."""


def failing(policy: CompiledPolicy, error: BaseException) -> CompiledPolicy:
    """The policy, whose detectors yield one match at most and then raise."""

    def find(text: str, _regions: tuple[str, ...]) -> Iterator[Match]:
        if "twice" in text:
            yield Match(start=0, end=1, evidence=text[:1], reading="one")
        raise error

    def find_over_messages(_messages: object, _regions: object) -> Iterator[object]:
        raise error

    rules = tuple(
        replace(one, text_detector=TextDetector(cause=one.cause, find=find))
        if one.text_detector
        else replace(one, conversation_detector=ConversationDetector(cause=one.cause, find=find_over_messages))  # type: ignore[arg-type]
        if one.conversation_detector
        else one
        for one in policy.rules
    )
    return replace(policy, rules=rules)


def test_a_finding_says_all_that_the_rule_says() -> None:
    [finding] = screen_text("\U0001f697 call 510-444-5610!")

    assert (finding.message, finding.start, finding.end, finding.evidence) == (0, 7, 19, "510-444-5610")
    assert (finding.rule, finding.category, finding.severity) == ("contact.phone", Category.CONTACT, 3)
    assert (finding.mode, finding.action, finding.kind) == (Mode.ENFORCE, Action.CASE, FindingKind.MATCH)
    assert finding.asks_for_a_case


def test_findings_hang_on_new_messages_only() -> None:
    messages = say("a: 510-444-5610", "b: shit", "a: 510-444-5611", new=[2])

    assert [(finding.message, finding.evidence) for finding in screen_all(messages)] == [(2, "510-444-5611")]


def test_findings_stand_in_the_order_of_messages_and_places() -> None:
    messages = say("a: shit, tom@example.com", "b: 510-444-5610", "a: 44", "a: www.example.net or merde")
    places = [(finding.message, finding.start) for finding in screen_all(messages)]

    assert len(places) == 5
    assert places == sorted(places)


def test_a_number_over_messages_hangs_on_the_new_one() -> None:
    messages = say("a: 510", "b: fine", "a: 444", "a: 5610", new=[2])
    [finding] = screen_all(messages)

    assert (finding.rule, finding.message, finding.evidence, finding.reading) == ("contact.split_phone", 2, "444", "510-444-5610")


def test_the_regions_of_the_conversation_are_asked() -> None:
    assert [finding.reading for finding in screen_text("20 12 34 56", regions=("DK",))] == ["+45 20 12 34 56"]
    assert screen_text("20 12 34 56") == []


def test_a_rule_that_raises_is_a_finding_of_its_own_and_the_others_run() -> None:
    policy = failing(compile_policy(make_policy({"detector": "email"}, {"terms": ["shit"]})), ValueError("never shown"))
    findings = screen_all(say("a: fine", "b: shit, tom@example.com"), policy)

    assert [(f.kind, f.message, f.rule, f.start, f.end, f.evidence, f.reading) for f in findings] == [
        (FindingKind.ERROR, 1, "test.rule0", 0, 0, "", "ValueError"),
        (FindingKind.MATCH, 1, "test.rule1", 0, 4, "shit", "shit"),
    ]


def test_what_a_rule_found_before_it_raised_is_kept() -> None:
    policy = failing(compile_policy(make_policy({"detector": "email"})), KeyError("never shown"))
    findings = screen_text("twice@", policy)

    assert sorted((finding.kind, finding.reading) for finding in findings) == [(FindingKind.ERROR, "KeyError"), (FindingKind.MATCH, "one")]


def test_a_rule_over_messages_that_raises_is_one_finding_on_the_last_new_message_that_gave_cause() -> None:
    policy = failing(compile_policy(make_policy({"detector": "split_phone", "action": "case"})), RecursionError())
    [finding] = screen_all(say("a: 510", "a: 444", "a: thanks"), policy)

    assert (finding.kind, finding.message, finding.reading) == (FindingKind.ERROR, 1, "RecursionError")
    assert not finding.asks_for_a_case


def test_a_time_limit_is_not_swallowed() -> None:
    policy = failing(compile_policy(make_policy({"detector": "email"})), OutOfTime())

    with pytest.raises(OutOfTime):
        screen_text("a@b", policy)


@pytest.mark.parametrize(
    "text, found",
    [
        pytest.param("that will kill you", True, id="not excused"),
        pytest.param("that will kill you at chess", False, id="excused in the same place"),
        pytest.param("chess is fine. that will kill you", True, id="the excuse elsewhere"),
        pytest.param("that will kill you at chess, and then kill you", True, id="one of two excused"),
    ],
)
def test_an_excuse_counts_in_the_same_place_only(text: str, found: bool) -> None:
    policy = compile_policy(make_policy({"terms": ["kill you"], "excuses": ["kill you at chess"]}))

    assert bool(screen_text(text, policy)) is found


@pytest.mark.parametrize("detector, lines", [("phone", ["a: 510-444-5610"]), ("split_phone", ["a: 510 444", "a: 5610"])])
def test_a_detector_is_excused_too(detector: str, lines: list[str]) -> None:
    policy = compile_policy(make_policy({"detector": detector, "excuses": [r"(?:510-444-)?5610"]}))

    assert screen_all(say(*lines), policy) == []


@pytest.mark.parametrize("mode, raised", [("off", 0), ("shadow", 1), ("enforce", 1)])
def test_a_rule_that_is_off_does_not_run_and_one_in_shadow_does(mode: str, raised: int) -> None:
    findings = screen_text("spam", compile_policy(make_policy({"terms": ["spam"], "mode": mode, "action": "case"})))

    assert [finding.mode for finding in findings] == [mode] * raised
    assert [finding.asks_for_a_case for finding in findings] == [mode == "enforce"] * raised


def test_neighbours_are_found_one_by_one_up_to_a_limit() -> None:
    assert [finding.start for finding in screen_text("shit shit,shit")] == [0, 5, 10]
    assert len(screen_text("shit " * 1000)) == MOST_MATCHES_OF_A_RULE


def test_a_pattern_that_can_match_nothing_in_some_place_ends() -> None:
    policy = compile_policy(make_policy({"patterns": [r"\bx*"]}))

    assert [finding.evidence for finding in screen_text("a xx b\u00e9 x", policy)] == ["xx", "x"]


def test_no_messages_give_no_findings() -> None:
    assert screen_all([], shipped()) == []
