"""THE place that makes a policy ready to run: every rule that is on, and one pass that tells which of them a text gives cause for."""

from dataclasses import dataclass
from typing import Any

from schemas.findings import Mode
from schemas.policy import Policy, PolicyError, Rule
from workers.screening import expressions
from workers.screening.detectors.catalogue import CONVERSATION_DETECTORS, TEXT_DETECTORS
from workers.screening.detectors.matches import ConversationDetector, TextDetector
from workers.screening.expressions import BadExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    """One rule ready to run. Exactly one of `locator`, `text_detector` and `conversation_detector` is set.

    `cause`: the expression without which the rule has nothing to say. `locator`: its group 1 is where a term or pattern matches.
    `excuses`: what matches it in the same place is no finding.
    """

    rule: Rule
    cause: str
    locator: Any = None
    text_detector: TextDetector | None = None
    conversation_detector: ConversationDetector | None = None
    excuses: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPolicy:
    """A policy ready to run. It is never changed, and may be shared by threads."""

    version: str
    rules: tuple[CompiledRule, ...]
    one_pass: Any

    def with_cause(self, data: bytes) -> list[CompiledRule]:
        """The rules that the text, as UTF-8, gives cause for, in the policy's order; one pass, whatever the number of rules."""
        return [self.rules[position] for position in sorted(self.one_pass.Match(data) or ())]


def compile_policy(policy: Policy) -> CompiledPolicy:
    """The policy ready to run; rules that are off are left out. Raises PolicyError naming every rule that cannot be used."""
    ready: list[CompiledRule] = []
    problems: list[str] = []
    for rule in policy.rules:
        try:
            one = _compile_rule(rule)
        except BadExpression as error:
            problems.append(f"rule {rule.id}: {error}")
            continue
        if rule.mode is not Mode.OFF:
            ready.append(one)
    if problems:
        raise PolicyError(problems)
    return CompiledPolicy(version=policy.version, rules=tuple(ready), one_pass=expressions.one_pass([one.cause for one in ready]))


def _compile_rule(rule: Rule) -> CompiledRule:
    excuses = expressions.compiled(expressions.of_patterns(rule.excuses)) if rule.excuses else None
    within = TEXT_DETECTORS.get(rule.detector or "")
    if within is not None:
        return CompiledRule(rule=rule, cause=within.cause, text_detector=within, excuses=excuses)
    across = CONVERSATION_DETECTORS.get(rule.detector or "")
    if across is not None:
        return CompiledRule(rule=rule, cause=across.cause, conversation_detector=across, excuses=excuses)
    expression = expressions.of_terms(rule.terms) if rule.terms else expressions.of_patterns(rule.patterns)
    return CompiledRule(rule=rule, cause=expression, locator=expressions.compiled(expression), excuses=excuses)
