"""Policy files: what is wrong with them is named, all at once, with its file and rule."""

from collections.abc import Mapping
from typing import Any

import pytest

from schemas.findings import Action, Mode
from schemas.policy import PolicyError, policy_of

RULE: Mapping[str, Any] = {
    "id": "scam.prepay",
    "title": "Asks for money in advance",
    "category": "scam",
    "severity": 3,
    "guidance": "Look for a payment outside the platform.",
    "terms": ["pay first"],
}


def problems_of(documents: Mapping[str, Any]) -> tuple[str, ...]:
    """What is said of files that cannot be used."""
    with pytest.raises(PolicyError) as raised:
        policy_of(documents, version="test")
    return raised.value.problems


def test_a_rule_that_says_no_more_than_it_must_is_enforced_and_recorded() -> None:
    policy = policy_of({"scam.toml": {"rule": [RULE]}}, version="7")

    assert policy.version == "7"
    assert [(rule.id, rule.mode, rule.action) for rule in policy.rules] == [("scam.prepay", Mode.ENFORCE, Action.RECORD)]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="no rule"),
        pytest.param({"rule": []}, id="an empty list"),
        pytest.param({"rule": [RULE, {**RULE, "id": "scam.other"}]}, id="two rules of two names"),
        pytest.param({"rule": [{**RULE, "severity": 1}]}, id="the lowest severity"),
        pytest.param({"rule": [{**RULE, "severity": 4}]}, id="the highest severity"),
        pytest.param({"rule": [{**RULE, "terms": [], "patterns": ["pay .* first"]}]}, id="patterns instead of terms"),
        pytest.param({"rule": [{**RULE, "excuses": ["never pay first"]}]}, id="excuses"),
    ],
)
def test_a_file_that_can_be_used_is_taken(document: Mapping[str, Any]) -> None:
    policy = policy_of({"scam.toml": document}, version="test")

    assert len(policy.rules) == len(document.get("rule", ()))


@pytest.mark.parametrize(
    "document, named",
    [
        pytest.param({"rules": []}, "scam.toml: rules:", id="a table of another name"),
        pytest.param({"rule": {"id": "scam.prepay"}}, "scam.toml: rule: write each rule under [[rule]]", id="one table, no list"),
        pytest.param({"rule": "pay first"}, "scam.toml: rule: write each rule under [[rule]]", id="a text, no table"),
        pytest.param({"rule": [{**RULE, "severity": 5}]}, "scam.toml, rule scam.prepay: severity:", id="too severe"),
        pytest.param({"rule": [{**RULE, "severity": 0}]}, "scam.toml, rule scam.prepay: severity:", id="not severe at all"),
        pytest.param({"rule": [{**RULE, "category": "rude"}]}, "scam.toml, rule scam.prepay: category:", id="a category that is none"),
        pytest.param({"rule": [{**RULE, "mode": "loud"}]}, "scam.toml, rule scam.prepay: mode:", id="a mode that is none"),
        pytest.param({"rule": [{**RULE, "weight": 2}]}, "scam.toml, rule scam.prepay: weight:", id="a field that is none"),
        pytest.param({"rule": [{**RULE, "id": "Pre Pay"}]}, "scam.toml, rule Pre Pay: id:", id="a name with a space"),
        pytest.param({"rule": [{"title": "nameless"}]}, "scam.toml, rule 1: id:", id="no name: its place stands for it"),
        pytest.param({"rule": [{**RULE, "detector": "phone"}]}, "give exactly one of detector, terms and patterns", id="two ways to match"),
        pytest.param({"rule": [{**RULE, "terms": []}]}, "give exactly one of detector, terms and patterns", id="nothing to match"),
        pytest.param({"rule": [RULE, RULE]}, "two rules are called scam.prepay", id="one name twice"),
    ],
)
def test_what_is_wrong_is_named(document: Mapping[str, Any], named: str) -> None:
    problems = problems_of({"scam.toml": document})

    assert any(named in problem for problem in problems), problems


def test_every_problem_of_every_file_is_named_at_once() -> None:
    problems = problems_of(
        {"one.toml": {"rule": [{**RULE, "severity": 9}]}, "two.toml": {"rule": [{**RULE, "mode": "loud"}]}, "three.toml": {"x": 1}}
    )

    assert sorted(problem.split(",")[0].split(":")[0] for problem in problems) == ["one.toml", "three.toml", "two.toml"]
