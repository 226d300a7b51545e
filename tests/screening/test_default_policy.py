"""The policy of the package keeps what its own rules promise."""

import pytest

from schemas.findings import Action, Category
from schemas.policy import Rule
from tests.screening.asking import screen_text
from workers.screening.default import DEFAULT_VERSION, default_policy

RULES = default_policy().rules


def examples(kind: str) -> list[object]:
    return [pytest.param(rule, text, id=f"{rule.id}-{n}") for rule in RULES for n, text in enumerate(getattr(rule, kind))]


@pytest.mark.parametrize("rule, text", examples("hits"))
def test_a_rule_finds_its_own_hits(rule: Rule, text: str) -> None:
    assert rule.id in {finding.rule for finding in screen_text(text)}


@pytest.mark.parametrize("rule, text", examples("misses"))
def test_a_rule_leaves_its_own_misses_alone(rule: Rule, text: str) -> None:
    assert rule.id not in {finding.rule for finding in screen_text(text)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_tells_the_moderator_what_to_do_and_acts_by_its_severity(rule: Rule) -> None:
    assert len(rule.guidance) > 40
    assert rule.id.startswith(f"{rule.category}.")
    assert (rule.action is Action.CASE) is (rule.severity >= 3)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.detector != "split_phone"], ids=lambda rule: rule.id)
def test_a_rule_has_examples_of_both_kinds(rule: Rule) -> None:
    assert len(rule.hits) >= 2
    assert len(rule.misses) >= 3


def test_every_category_but_those_of_the_session_has_a_rule() -> None:
    assert {rule.category for rule in RULES} == set(Category) - {Category.SESSION}


def test_the_version_is_in_every_finding() -> None:
    assert {finding.policy_version for finding in screen_text("call 510-444-5610, damn shit")} == {DEFAULT_VERSION}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Hi, is the van still free on Saturday?", id="a question"),
        pytest.param("Gate 12, at half past 5, I wear a red cap", id="a meeting"),
        pytest.param("Sou gay e chego \u00e0s 7", id="who one is"),
        pytest.param("I could kill for a coffee", id="a figure of speech"),
        pytest.param("Scunthorpe, Penistone and Essex", id="places"),
        pytest.param("42 rue des Lilas, 75011 Paris, code 4512", id="an address"),
        pytest.param("It is 120 x 60 x 40 cm and weighs 12.5 kg", id="a size"),
        pytest.param("Der Preis ist 1.250,00 \u20ac, Anzahlung 250", id="a price"),
        pytest.param("\u0634\u0643\u0631\u0627 \u062c\u0632\u064a\u0644\u0627", id="thanks, from right to left"),
        pytest.param("\U0001f44d\U0001f3fd\U0001f468\u200d\U0001f469\u200d\U0001f467", id="emoji"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_innocent_message_gives_no_finding(text: str) -> None:
    assert screen_text(text) == []
