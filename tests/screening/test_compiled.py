"""A policy is made ready in full, or refused with every rule that cannot be used."""

from typing import get_args

import pytest

from schemas.policy import Detector, PolicyError
from tests.screening.asking import make_policy, screen_text
from workers.screening.compiled import compile_policy
from workers.screening.detectors.catalogue import CONVERSATION_DETECTORS, TEXT_DETECTORS


@pytest.mark.parametrize(
    "rule, problem",
    [
        pytest.param({"patterns": ["(unclosed"]}, "missing )", id="a bracket left open"),
        pytest.param({"patterns": ["(?<=a)b"]}, "invalid perl operator", id="what RE2 leaves out"),
        pytest.param({"patterns": [r"(a)\1"]}, "invalid escape sequence", id="a back reference"),
        pytest.param({"patterns": ["(?:a{1000}){1000}"]}, "invalid repetition size", id="an automaton without bounds"),
        pytest.param({"patterns": ["ok", "a*"]}, "matches the empty text", id="a pattern for nothing"),
        pytest.param({"terms": ["ok", "  "]}, "no letter and no digit", id="an empty term"),
        pytest.param({"terms": ["..."]}, "no letter and no digit", id="a term of signs"),
        pytest.param({"terms": ["ok"], "excuses": ["[z-a]"]}, "invalid character class", id="a bad excuse"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(rule: dict[str, object], problem: str) -> None:
    with pytest.raises(PolicyError) as raised:
        compile_policy(make_policy(rule))

    assert [(problem in named, named.startswith("rule test.rule0: ")) for named in raised.value.problems] == [(True, True)]


def test_all_bad_rules_are_named_at_once_even_when_they_are_off() -> None:
    policy = make_policy({"patterns": ["("]}, {"terms": ["fine"]}, {"patterns": ["["], "mode": "off"})

    with pytest.raises(PolicyError) as raised:
        compile_policy(policy)

    assert [problem.split(":")[0] for problem in raised.value.problems] == ["rule test.rule0", "rule test.rule2"]


@pytest.mark.parametrize(
    "term, text",
    [
        pytest.param("bad thing", "a BAD\u00a0 thing.", id="any case and any space"),
        pytest.param("don't", "I don\u2019t", id="a curly apostrophe"),
        pytest.param("don't", "i dont", id="no apostrophe"),
        pytest.param("voc\u00ea", "VOC\u00ca?", id="an accent in another case"),
        pytest.param("ficar", "(ficar)", id="brackets"),
        pytest.param("c++", "in c++ please", id="signs within the term"),
        pytest.param("\u0443\u0433\u0440\u043e\u0437\u0430", "\u0423\u0433\u0440\u043e\u0437\u0430!", id="another script"),
    ],
)
def test_a_term_matches_whole_words_in_any_case(term: str, text: str) -> None:
    assert len(screen_text(text, compile_policy(make_policy({"terms": [term]})))) == 1


@pytest.mark.parametrize(
    "term, text",
    [
        pytest.param("cunt", "Scunthorpe", id="within a word"),
        pytest.param("ass", "assess a class", id="at either end of a word"),
        pytest.param("pute", "r\u00e9pute et pute\u00e9", id="beside an accented letter"),
        pytest.param("a.b", "aXb", id="a full stop is a full stop"),
        pytest.param("bad thing", "badthing", id="a space is a space"),
        pytest.param("caf", "cafe\u0301", id="before a letter with a mark"),
        pytest.param("cafe", "cafe\u0301", id="before a combining mark"),
        pytest.param("one", "one_two", id="an underscore belongs to the word"),
        pytest.param("5", "55", id="digits belong to the word"),
    ],
)
def test_a_term_matches_nothing_else(term: str, text: str) -> None:
    assert screen_text(text, compile_policy(make_policy({"terms": [term]}))) == []


@pytest.mark.parametrize(
    "pattern, text, found",
    [
        pytest.param("pay (?:me|us)", "PAY ME now", True, id="any case"),
        pytest.param("\u00e9cris", "bon, \u00e9cris", True, id="an accented letter first"),
        pytest.param("pay (?:me|us)", "repay me", False, id="within a word before"),
        pytest.param("pay (?:me|us)", "pay used cars", False, id="within a word behind"),
    ],
)
def test_a_pattern_matches_whole_words_in_any_case(pattern: str, text: str, found: bool) -> None:
    assert bool(screen_text(text, compile_policy(make_policy({"patterns": [pattern]})))) is found


def test_the_longest_of_several_terms_is_the_evidence() -> None:
    policy = compile_policy(make_policy({"terms": ["go", "go away", "away"]}))

    assert [finding.evidence for finding in screen_text("please go away", policy)] == ["go away"]


def test_every_detector_that_a_rule_may_name_is_in_the_catalogue() -> None:
    assert sorted([*TEXT_DETECTORS, *CONVERSATION_DETECTORS]) == sorted(get_args(Detector))


def test_an_empty_policy_finds_nothing() -> None:
    assert screen_text("call 510-444-5610", compile_policy(make_policy())) == []
