"""Policies of one rule that does what a test tells it, for what happens around screening."""

from collections.abc import Callable, Iterator

from schemas.findings import Category
from schemas.policy import Policy, Rule
from workers.screening.compiled import CompiledPolicy, CompiledRule, compile_policy
from workers.screening.detectors.matches import Match, TextDetector


def policy_that(does: Callable[[str], None], *, on: str) -> CompiledPolicy:
    """A policy whose only rule calls `does` with every text that an expression matches, and finds nothing."""
    rule = Rule(id="test.rule", title="-", category=Category.SPAM, severity=1, guidance="-", patterns=(on,))
    compiled = compile_policy(Policy(version="test", rules=(rule,)))

    def find(text: str, _regions: tuple[str, ...]) -> Iterator[Match]:
        does(text)
        yield from ()

    one = CompiledRule(rule=rule, cause=on, text_detector=TextDetector(cause=on, find=find))
    return CompiledPolicy(version="test", rules=(one,), one_pass=compiled.one_pass)
